// Users: entries of /etc/passwd and /etc/group. Read directly, so that a statically linked program
// can: name services that are not in those files (LDAP, SSSD) are not asked. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aivault::platform {

struct User {
  std::string name, home;
  std::int64_t uid = -1, gid = -1;
};
std::optional<User> user_of(std::int64_t uid);
std::optional<User> user_named(std::string_view name);
std::vector<User> all_users();

struct Group {
  std::string name;
  std::int64_t gid = -1;
  std::vector<std::string> members;  // Without those whose primary group it is.
};
std::optional<Group> group_named(std::string_view name);
bool is_member(const Group& group, const User& user);
// Of a login of that user: the primary group and those that list the name.
std::vector<std::int64_t> groups_of(const User& user);

}  // namespace aivault::platform
