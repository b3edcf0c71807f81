// Routes: which sockets a command may use, and when aivault may start a daemon at the first one.
// Thread: any. Errors: vault_unavailable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "platform/environment.h"
#include "platform/places.h"

namespace aivault::cli {

// checked: whoever listens there must be the caller, root or the owner of the directory.
enum class Trust : std::uint8_t { checked, named_by_caller };

struct Route {
  std::string socket;
  Trust trust = Trust::checked;
};

struct Routes {
  Route first;                  // AIVAULTD_SOCKET, else the user socket: autostart happens here.
  std::optional<Route> shared;  // Tried when nobody serves the first one.
  platform::Places places;
};
Result<Routes> find_routes(const platform::Environment& environment);

// Why no daemon may be started at the first route; nullopt: one may.
std::optional<Error> autostart_refusal(const Routes& routes,
                                       const platform::Environment& environment);

// The operator of this machine runs a shared daemon, and the caller has no vault: what commands
// would otherwise create one goes to that daemon instead.
bool belongs_to_shared_daemon(const Routes& routes);

std::string directory_of(const std::string& path);
// The owner of a directory; nullopt: it is none.
std::optional<std::int64_t> owner_of_directory(const std::string& path);

}  // namespace aivault::cli
