#include "platform/users.h"

#include <pwd.h>

#include <array>
#include <cstdio>
#include <memory>

namespace aivault::platform {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};

}  // namespace

std::optional<User> user_of(std::int64_t uid) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen("/etc/passwd", "re"));
  if (file == nullptr) return std::nullopt;
  std::array<char, 8192> buffer{};  // Of one line; a longer one ends the search.
  passwd entry{};
  passwd* found = nullptr;
  while (::fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0) {
    if (found->pw_uid != uid) continue;
    return User{found->pw_name, found->pw_dir, found->pw_uid, found->pw_gid};
  }
  return std::nullopt;
}

}  // namespace aivault::platform
