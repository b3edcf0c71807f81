#include "cli/routes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "platform/users.h"

namespace aivault::cli {
namespace {

std::optional<std::int64_t> owner_of_nearest_directory(const std::string& path) {
  for (auto directory = directory_of(path);; directory = directory_of(directory)) {
    if (const auto owner = owner_of_directory(directory)) return owner;
    if (directory == "/") return std::nullopt;
  }
}

// The directory lets in root, its owner and its group, and the caller is none of them.
bool is_shut_out(const std::string& socket) {
  return access(directory_of(socket).c_str(), X_OK) != 0 && errno == EACCES;
}

std::string name_of_uid(std::int64_t uid) {
  const auto user = platform::user_of(uid);
  return user ? user->name : std::to_string(uid);
}

std::string how_to_get_in(const std::string& socket) {
  const auto owner = owner_of_directory(directory_of(socket));
  return "no access to the shared socket '" + socket + "'; run: sudo aivault setup agent-access " +
         "--agent-user " + name_of_uid(geteuid()) + " --daemon-user " +
         name_of_uid(owner.value_or(0)) + ", then log in again";
}

auto refusal(const std::string& message) {
  return Error{ErrorCode::vault_unavailable, "", message, 0};
}

}  // namespace

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<std::int64_t> owner_of_directory(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  return status.st_uid;
}

Result<Routes> find_routes(const platform::Environment& environment) {
  TRY_ASSIGN(auto places, platform::find_places(environment));
  Routes routes{.first = {}, .shared = std::nullopt, .places = std::move(places)};
  if (auto named = environment.path("AIVAULTD_SOCKET")) {
    routes.first = {*std::move(named), Trust::named_by_caller};
    return routes;
  }
  routes.first = {routes.places.user_socket, Trust::checked};
  const bool names_shared = environment.text("AIVAULTD_SHARED_SOCKET").has_value();
  if (!routes.places.own_directory || names_shared) {
    routes.shared =
        Route{routes.places.shared_socket, names_shared ? Trust::named_by_caller : Trust::checked};
  }
  return routes;
}

std::optional<Error> autostart_refusal(const Routes& routes,
                                       const platform::Environment& environment) {
  const auto& socket = routes.first.socket;
  if (!environment.flag("AIVAULTD_AUTOSTART", true)) {
    return refusal("aivaultd not running at '" + socket + "' (autostart disabled)");
  }
  if (socket == routes.places.shared_socket) {
    return refusal("failed connecting to aivaultd at '" + socket +
                   "' (shared socket; autostart suppressed)");
  }
  if (routes.shared && owner_of_directory(directory_of(routes.shared->socket))) {
    if (is_shut_out(routes.shared->socket)) return refusal(how_to_get_in(routes.shared->socket));
    return refusal("aivaultd not running at shared socket '" + routes.shared->socket +
                   "' (start it as the operator with `aivaultd --shared`)");
  }
  if (owner_of_nearest_directory(socket) != std::int64_t{geteuid()}) {
    return refusal("aivaultd not running at '" + socket +
                   "' (directory belongs to another user; autostart suppressed)");
  }
  return std::nullopt;
}

bool belongs_to_shared_daemon(const Routes& routes) {
  if (!routes.shared || routes.places.own_directory) return false;
  if (access((routes.places.vault_root + "/vault.json").c_str(), F_OK) == 0) return false;
  const auto owner = owner_of_directory(directory_of(routes.shared->socket));
  return owner && *owner != std::int64_t{geteuid()};
}

}  // namespace aivault::cli
