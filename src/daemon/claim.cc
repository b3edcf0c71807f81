#include "daemon/claim.h"

#include <chrono>
#include <thread>
#include <utility>

#include "base/patience.h"
#include "daemon/probe.h"

namespace aivault::daemon {
namespace {

using std::chrono::steady_clock;

// Until a holder of the lock must answer, and a leaving one must be gone.
constexpr auto kStarting = patience(std::chrono::seconds(2));
constexpr auto kDraining = patience(std::chrono::seconds(15));
constexpr std::chrono::milliseconds kPause{20};

// The lock, or nullopt: its holder serves.
Result<std::optional<platform::Descriptor>> wait_for_lock(
    const platform::SocketDirectory& directory) {
  const auto begin = steady_clock::now();
  auto limit = std::chrono::milliseconds(kStarting);
  for (;;) {
    TRY_ASSIGN(auto lock, directory.try_lock());
    if (lock) return lock;
    const Presence presence = probe(directory.path());
    if (presence == Presence::serving) return std::optional<platform::Descriptor>();
    if (presence == Presence::draining) limit = kDraining;
    if (steady_clock::now() - begin >= limit) {
      return vault_unavailable("internal",
                               "another process holds '" + directory.path() +
                                   ".lock' and does not answer at '" + directory.path() + "'");
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

Result<std::optional<Claim>> claim_path(const std::string& socket_path,
                                        mode_t socket_mode,
                                        mode_t directory_mode) {
  TRY_ASSIGN(auto directory, platform::SocketDirectory::open(socket_path, directory_mode));
  TRY_ASSIGN(auto lock, wait_for_lock(directory));
  if (!lock) return std::optional<Claim>();
  // The lock alone would do, had nobody ever removed its file.
  if (directory.look() == platform::AtPath::our_socket) {
    const Presence presence = probe(socket_path);
    if (presence == Presence::serving || presence == Presence::draining) {
      return std::optional<Claim>();
    }
    if (presence == Presence::unknown) {
      return vault_unavailable("unsafe_path", "'" + socket_path + "' exists and is not our socket");
    }
  }
  TRY_ASSIGN(auto listening, directory.listen(socket_mode));
  return std::optional(Claim{std::move(directory), *std::move(lock), std::move(listening)});
}

}  // namespace aivault::daemon
