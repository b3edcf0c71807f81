// setup_users: the two users of a machine that setup joins, and the directory where they meet.
// Thread: one. Errors: vault_unavailable, for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/setup_run.h"
#include "platform/users.h"

namespace aivault::cli {

inline constexpr std::string_view kGroup = "aivault";
inline constexpr std::string_view kSystemHome = "/var/lib/aivault";  // Of a user made by setup.
inline constexpr std::string_view kTmpfiles = "/etc/tmpfiles.d/aivault.conf";

// A name that is safe as an argument and in a unit file.
bool is_user_name(std::string_view name);
// Its entry; in a dry run one without a uid, after a warning, if there is none yet.
Result<platform::User> find_setup_user(SetupRun& run, const std::string& name);

// Those of the user's groups whose members can become root, or read what only root may.
std::vector<std::string> powerful_groups_of(const platform::User& user);

// /run instead of /var/run, which is a link to it.
std::string as_run_path(std::string path);
// Made, or corrected by descriptor: mode 2750, owner `daemon`, group aivault. Anything there that
// belongs to a third user, or is no directory, is an error.
Result<void> ensure_socket_directory(SetupRun& run,
                                     const std::string& directory,
                                     const platform::User& daemon);
// What makes the directories again after a reboot.
std::string tmpfiles_for(const std::string& directory, const platform::User& daemon);
// <home>/.aivault, 0700, owned by that user.
Result<void> ensure_private_directory(SetupRun& run, const platform::User& user);

}  // namespace aivault::cli
