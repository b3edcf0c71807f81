#include "platform/users.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <utility>

namespace aivault::platform {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};

constexpr std::size_t kMaxGroupLine = std::size_t{1} << 20U;  // Groups may have many members.

User user_from(const passwd& entry) {
  return {entry.pw_name, entry.pw_dir, entry.pw_uid, entry.pw_gid};
}

template <typename Wanted>
std::optional<User> find_user(const Wanted& is_wanted) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen("/etc/passwd", "re"));
  if (file == nullptr) return std::nullopt;
  std::array<char, 8192> buffer{};  // Of one line; a longer one ends the search.
  passwd entry{};
  passwd* found = nullptr;
  while (::fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0) {
    if (!is_wanted(*found)) continue;
    return user_from(*found);
  }
  return std::nullopt;
}

// Until `visit` says false.
template <typename Visit>
void each_group(const Visit& visit) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen("/etc/group", "re"));
  if (file == nullptr) return;
  std::vector<char> buffer(kMaxGroupLine);
  group entry{};
  group* found = nullptr;
  while (::fgetgrent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0) {
    Group result{found->gr_name, found->gr_gid, {}};
    for (char** member = found->gr_mem; *member != nullptr; ++member) {
      result.members.emplace_back(*member);
    }
    if (!visit(std::move(result))) return;
  }
}

}  // namespace

std::optional<User> user_of(std::int64_t uid) {
  return find_user([uid](const passwd& entry) { return entry.pw_uid == uid; });
}

std::vector<User> all_users() {
  std::vector<User> users;
  find_user([&users](const passwd& entry) {
    users.push_back(user_from(entry));
    return false;
  });
  return users;
}

std::optional<User> user_named(std::string_view name) {
  return find_user([name](const passwd& entry) { return entry.pw_name == name; });
}

std::optional<Group> group_named(std::string_view name) {
  std::optional<Group> found;
  each_group([&](Group group) {
    if (group.name != name) return true;
    found = std::move(group);
    return false;
  });
  return found;
}

std::vector<std::int64_t> groups_of(const User& user) {
  std::vector<std::int64_t> groups{user.gid};
  each_group([&](const Group& group) {
    if (group.gid != user.gid && is_member(group, user)) groups.push_back(group.gid);
    return true;
  });
  return groups;
}

bool is_member(const Group& group, const User& user) {
  return user.gid == group.gid || std::ranges::count(group.members, user.name) > 0;
}

}  // namespace aivault::platform
