#include "cli/doctor_machine.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "cli/setup_users.h"
#include "cli/systemd_units.h"
#include "platform/users.h"

namespace aivault::cli {
namespace {

std::optional<std::string> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The value of `key=` in a unit.
std::string setting(const std::string& unit, const std::string& key) {
  const auto begin = unit.find("\n" + key + "=");
  if (begin == std::string::npos) return {};
  const auto value = begin + key.size() + 2;
  return unit.substr(value, unit.find('\n', value) - value);
}

std::string name_of(std::int64_t uid) {
  const auto user = platform::user_of(uid);
  return user ? user->name : std::to_string(uid);
}

std::string fix(const std::string& owner) {
  return "sudo aivault setup agent-access --agent-user USER --daemon-user " + owner;
}

Finding check_directory(const std::string& directory, const struct stat& facts) {
  constexpr mode_t kWanted = 02750;
  constexpr mode_t kPermissions = 07777;
  const auto group = platform::group_named(kGroup);
  const bool right_group = group && group->gid == std::int64_t{facts.st_gid};
  if ((facts.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
    return {"fail", "'" + directory + "' is open to others", "chmod 2750 '" + directory + "'"};
  }
  if (!right_group || (facts.st_mode & kPermissions) != kWanted) {
    return {"warn",
            "'" + directory + "' has not mode 2750 and group " + std::string(kGroup),
            fix(name_of(facts.st_uid))};
  }
  return {"ok", directory + ", owner " + name_of(facts.st_uid), ""};
}

Finding check_group(const struct stat& facts) {
  const auto group = platform::group_named(kGroup);
  if (!group) {
    return {
        "fail", "group '" + std::string(kGroup) + "' does not exist", fix(name_of(facts.st_uid))};
  }
  std::string members;
  for (const auto& member : group->members) members += (members.empty() ? "" : ", ") + member;
  if (members.empty()) return {"warn", "no agent is in it", fix(name_of(facts.st_uid))};
  return {"ok", members, ""};
}

Finding check_agents(const struct stat& facts) {
  const auto group = platform::group_named(kGroup);
  for (const auto& member : group ? group->members : std::vector<std::string>()) {
    const auto user = platform::user_named(member);
    if (!user || user->uid == std::int64_t{facts.st_uid}) continue;
    for (const auto& powerful : powerful_groups_of(*user)) {
      return {
          "warn",
          "'" + member + "' is in group '" + powerful + "' and can get at the vault by other ways",
          "gpasswd -d " + member + " " + powerful};
    }
  }
  return {"ok", "no agent is in a group that can become root", ""};
}

Finding check_boot(const std::string& directory, const struct stat& facts) {
  const auto lines = content_of(std::string(kTmpfiles));
  if (lines && lines->find("d " + directory + " ") != std::string::npos) {
    return {"ok", std::string(kTmpfiles), ""};
  }
  return {"warn", "'" + directory + "' is gone after a reboot", fix(name_of(facts.st_uid))};
}

Finding check_units(const std::string& service) {
  UnitFacts facts{.daemon_user = setting(service, "User"), .home = {}, .program = {}};
  const auto start = setting(service, "ExecStart");
  facts.program = start.substr(0, start.find(' '));
  facts.loads_sealed_key = !setting(service, "LoadCredentialEncrypted").empty();
  if (const auto user = platform::user_named(facts.daemon_user)) facts.home = user->home;
  const std::string directory(kUnitDirectory);
  const bool same = service == service_unit(facts) &&
                    content_of(directory + std::string(kSocketUnit)) == socket_unit(facts);
  const auto again = "sudo aivault setup systemd --daemon-user " + facts.daemon_user;
  if (!same) return {"warn", "the units are not those of this version", again};
  std::string drop_ins;
  std::error_code none;
  for (const auto* unit : {"aivaultd-shared.service.d", "aivaultd-shared.socket.d"}) {
    for (const auto& entry : std::filesystem::directory_iterator(directory + unit, none)) {
      drop_ins += (drop_ins.empty() ? "; drop-ins: " : ", ") + entry.path().string();
    }
  }
  return {"ok", "as this version writes them" + drop_ins, ""};
}

// Arguments of programs are for everybody to read, unless /proc is mounted otherwise.
Finding check_proc() {
  const auto mounts = content_of("/proc/self/mounts").value_or("");
  for (std::size_t line = 0; line < mounts.size(); line = mounts.find('\n', line) + 1) {
    const auto end = mounts.find('\n', line);
    if (end == std::string::npos) break;
    const auto text = mounts.substr(line, end - line);
    if (text.find(" /proc proc ") == std::string::npos) continue;
    const bool hides = text.find("hidepid=1") != std::string::npos ||
                       text.find("hidepid=2") != std::string::npos ||
                       text.find("hidepid=invisible") != std::string::npos ||
                       text.find("hidepid=noaccess") != std::string::npos;
    if (hides) return {"ok", "users cannot read each other's command lines", ""};
  }
  return {"warn",
          "other users can read command lines, and with them secrets given as arguments",
          "use the prompt or --value-file; export AIVAULT_STRICT_ARGV=1"};
}

}  // namespace

std::vector<MachineCheck> check_shared_access(const Routes& routes) {
  const auto directory = as_run_path(directory_of(routes.places.shared_socket));
  struct stat facts{};
  const bool is_shared =
      routes.shared && ::lstat(directory.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
  if (!is_shared) return {};
  std::vector<MachineCheck> checks = {
      {"socket-directory", check_directory(directory, facts)},
      {"socket-group", check_group(facts)},
      {"agent-groups", check_agents(facts)},
      {"proc-hidepid", check_proc()},
  };
  if (directory.starts_with("/run/")) {
    checks.push_back({"boot-directory", check_boot(directory, facts)});
  }
  const auto service = content_of(std::string(kUnitDirectory) + std::string(kServiceUnit));
  if (service) checks.push_back({"unit", check_units(*service)});
  return checks;
}

}  // namespace aivault::cli
