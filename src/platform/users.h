// Users: entries of /etc/passwd. Read directly, so that a statically linked program can: name
// services that are not in that file (LDAP, SSSD) are not asked.
// Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace aivault::platform {

struct User {
  std::string name, home;
  std::int64_t uid = -1, gid = -1;
};
std::optional<User> user_of(std::int64_t uid);

}  // namespace aivault::platform
