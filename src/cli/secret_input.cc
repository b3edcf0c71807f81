#include "cli/secret_input.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/wipe.h"
#include "platform/descriptor.h"
#include "platform/terminal.h"

namespace aivault::cli {
namespace {

// Room for the largest secret, its line end, and the byte that proves it too large.
constexpr std::size_t kBufferSize = kMaxSecret + 3;

struct WipedBuffer {
  std::unique_ptr<char[]> bytes = std::make_unique<char[]>(kBufferSize);  // NOLINT: fixed size
  std::size_t size = 0;

  WipedBuffer() = default;
  WipedBuffer(const WipedBuffer&) = delete;
  WipedBuffer& operator=(const WipedBuffer&) = delete;
  ~WipedBuffer() { wipe(bytes.get(), size); }

  std::string_view text() const { return {bytes.get(), size}; }
};

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) {
    text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
  }
  return text;
}

Result<Secret> read_descriptor(int descriptor, const std::string& name) {
  WipedBuffer buffer;
  while (buffer.size < kBufferSize) {
    const auto got = read(descriptor, buffer.bytes.get() + buffer.size, kBufferSize - buffer.size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return invalid_request("", name + ": " + std::strerror(errno));
    if (got == 0) break;
    buffer.size += static_cast<std::size_t>(got);
  }
  return Secret::copy_of(without_line_end(buffer.text()));
}

Result<Secret> read_file(const std::string& path) {
  if (path == "-") return read_descriptor(STDIN_FILENO, "stdin");
  const platform::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return invalid_request("", path + ": " + std::strerror(errno));
  return read_descriptor(file.get(), path);
}

Result<Secret> read_any(Session& session, const Arguments& arguments, std::string_view prompt) {
  const auto file = arguments.text("value-file");
  if (session.argument_value && file) {
    return invalid_request("", "provide either --value or --value-file, not both");
  }
  if (session.argument_value) return *std::move(session.argument_value);
  if (file) return read_file(*file);
  if (!platform::is_terminal(STDIN_FILENO)) {
    return invalid_request("", "provide --value or --value-file");
  }
  return platform::prompt_hidden(prompt);
}

}  // namespace

Result<Secret> read_secret(Session& session,
                           const Arguments& arguments,
                           std::string_view what,
                           std::string_view prompt) {
  // Neither a core dump nor another process of this user shall see the buffers.
  prctl(PR_SET_DUMPABLE, 0);
  TRY_ASSIGN(auto secret, read_any(session, arguments, prompt));
  if (secret.empty()) return invalid_request("", std::string(what) + " must not be empty");
  if (secret.size() > kMaxSecret) {
    return invalid_request("", std::string(what) + " must not be larger than 1 MiB");
  }
  return secret;
}

}  // namespace aivault::cli
