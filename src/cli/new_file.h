// NewFile: a file that gets its name only when all of it is on the disk: written aside with mode
// 0600, synced, read back, renamed. Without publish() nothing of it stays.
// Thread: one. Errors: invalid_request, naming the path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::cli {

enum class Existing : std::uint8_t { refused, replaced };

class NewFile {
 public:
  // Whether create() would be refused.
  static Result<void> check(const std::string& path, Existing existing);
  static Result<NewFile> create(std::string path, Existing existing);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  Result<void> write(std::string_view bytes);
  std::uint64_t size() const { return size_; }
  // Synced; then the SHA-256 of what is read back, in hex.
  Result<std::string> digest_on_disk();
  Result<void> publish();

 private:
  NewFile(std::string path, Existing existing) : path_(std::move(path)), existing_(existing) {}

  std::string path_;
  std::string aside_;
  Existing existing_;
  bool has_name_ = false;  // aside_ is there and to be removed.
  platform::Descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace aivault::cli
