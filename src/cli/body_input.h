// BodyInput: the body of a call as it goes to the daemon: the envelope, then the bytes of the
// caller's files, opened by aivault with the caller's rights.
// Thread: one. Errors: invalid_request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/call_request.h"
#include "platform/descriptor.h"

namespace aivault::cli {

struct InputFile {
  platform::Descriptor file;
  std::string path;
  std::optional<std::uint64_t> left;  // Bytes still to send; nullopt: to its end.
};

// Opens what the request names and announces the sizes in its envelope.
Result<std::vector<InputFile>> open_files(CallRequest& request);
// Reads a whole payload, "-" is stdin; at most 32 MiB.
struct Payload {
  std::string text;
  bool is_trusted = false;  // Nobody but the caller and root could have written it.
};
Result<Payload> read_payload(const std::string& path);

class BodyInput {
 public:
  // `beginning` goes out before the files.
  BodyInput(std::string beginning, std::vector<InputFile> files);

  // nullopt: known only at the end, so the body goes in chunks.
  std::optional<std::uint64_t> size() const { return size_; }
  // To be waited for with poll before fill(); -1: fill() does not wait.
  int waits_for() const;
  bool done() const { return done_; }
  // Appends the next bytes as they go on the wire.
  Result<void> fill(std::string& out);

 private:
  void append(std::string& out, std::string_view bytes) const;

  std::string beginning_;
  std::vector<InputFile> files_;
  std::size_t current_ = 0;
  std::optional<std::uint64_t> size_;
  bool done_ = false;
};

}  // namespace aivault::cli
