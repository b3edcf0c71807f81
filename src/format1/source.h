// Source: the directory of an old vault, opened once and read by descriptor. Nothing of it is
// changed, no symbolic link is followed, and how much is read is bounded.
// Thread: any. Errors: invalid_request record_invalid; the message names the file.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::format1 {

inline constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20U;
inline constexpr std::size_t kMaxEntries = 1'100'000;  // Of one directory.

class Source {
 public:
  // `path` itself may be reached through links; the caller has named it.
  static Result<Source> open(const std::string& path);

  const std::string& path() const { return path_; }  // Absolute, without links.
  // Not there: nullopt. Refused: anything but a regular file, and more than kMaxFileBytes.
  Result<std::optional<std::string>> read(const std::string& name) const;
  // Not there: nullopt. Refused: anything but a directory.
  Result<std::optional<Source>> directory(const std::string& name) const;
  bool has(const std::string& name) const;
  // Names that `wanted` accepts, sorted. Refused: more than kMaxEntries entries of any name.
  Result<std::vector<std::string>> names(const std::function<bool(std::string_view)>& wanted) const;

 private:
  Source(std::string path, platform::Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}
  std::string path_;
  platform::Descriptor descriptor_;
};

}  // namespace aivault::format1
