#include "daemon/sockets.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "base/patience.h"
#include "daemon/probe.h"
#include "platform/users.h"

namespace aivault::daemon {
namespace {

constexpr auto kLeaving = patience(std::chrono::seconds(2));
constexpr std::chrono::milliseconds kPause{20};

// One that a command started for itself makes way; its calls finish and its callers come back.
bool makes_way(const std::string& socket) {
  const auto found = find_daemon(socket);
  return found.presence == Presence::serving && found.autostarted && found.uid == ::geteuid() &&
         ask_to_leave(socket);
}

// nullopt: occupied, and that is as good.
Result<std::optional<Claim>> claim_operator_socket(const Settings& settings) {
  const auto claim = [&settings] {
    return claim_path(settings.socket, settings.socket_mode, settings.directory_mode);
  };
  auto first = claim();
  if (!first || *first || !settings.is_shared()) return first;
  if (makes_way(settings.socket)) {
    const auto limit = std::chrono::steady_clock::now() + kLeaving;
    // It still answers for a moment.
    while (first && !*first && std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(kPause);
      first = claim();
    }
    return first;
  }
  if (probe(settings.agent_socket) == Presence::serving) return std::optional<Claim>();
  return vault_unavailable("internal",
                           "aivaultd is already running at '" + settings.socket +
                               "' without the shared socket; run aivault restart or stop it first");
}

bool is_missing(const std::string& directory) {
  struct stat status{};
  return ::stat(directory.c_str(), &status) != 0 && errno == ENOENT;
}

Result<std::optional<Claim>> claim_agent_socket(const Settings& settings) {
  const auto& socket = settings.agent_socket;
  auto claim = claim_path(socket, settings.agent_socket_mode, settings.agent_directory_mode);
  const auto directory = socket.substr(0, socket.rfind('/'));
  if (claim || !is_missing(directory)) return claim;
  const auto user = platform::user_of(::geteuid());
  return vault_unavailable(
      "unsafe_path",
      "shared socket directory '" + directory +
          "' does not exist; run: sudo aivault setup agent-access --agent-user USER " +
          "--daemon-user " + (user ? user->name : std::to_string(::geteuid())));
}

// What was passed for this door; none: to be made.
bool take_passed(Sockets& sockets, std::vector<PassedSocket>& passed, broker::Door door) {
  bool found = false;
  for (auto& each : passed) {
    if (!each.listening || each.door != door) continue;
    sockets.listening.push_back({std::nullopt, std::move(each.listening), door});
    found = true;
  }
  return found;
}

}  // namespace

std::vector<Claim*> Sockets::claims() {
  std::vector<Claim*> all;
  for (auto& each : listening) {
    if (each.claim) all.push_back(&*each.claim);
  }
  return all;
}

void Sockets::give_up_paths() {
  for (auto* claim : claims()) claim->give_up_path();
}

bool passes_connections(const Sockets& sockets) {
  return sockets.parent && sockets.parent->kind == ParentSocket::Kind::passes_connections;
}

Result<Taken> take_sockets(Settings& settings, const std::vector<PassedName>& passed_names) {
  Taken taken;
  Sockets sockets;
  if (settings.private_child) {
    TRY_ASSIGN(sockets.parent, take_parent_socket());
    taken.sockets = std::move(sockets);
    return taken;
  }
  const auto& expected =
      settings.is_shared() ? settings.agent_socket : settings.places.shared_socket;
  TRY_ASSIGN(auto passed, take_passed_sockets(passed_names, expected));
  for (auto& each : passed) {
    if (each.tcp) {
      sockets.tcp.push_back({std::move(each.listening), *each.tcp});
      continue;
    }
    const bool is_for_agents = each.door == broker::Door::agent_socket;
    (is_for_agents ? settings.agent_socket : settings.socket) = each.path;
  }
  taken.occupied = settings.socket;
  if (!take_passed(sockets, passed, broker::Door::operator_socket)) {
    TRY_ASSIGN(auto claim, claim_operator_socket(settings));
    if (!claim) return taken;
    sockets.listening.push_back({std::move(claim), {}, broker::Door::operator_socket});
  }
  if (settings.is_shared() && !take_passed(sockets, passed, broker::Door::agent_socket)) {
    auto claim = claim_agent_socket(settings);
    if (!claim || !*claim) sockets.give_up_paths();
    if (!claim) return fail(std::move(claim).error());
    taken.occupied = settings.agent_socket;
    if (!*claim) return taken;
    sockets.listening.push_back({*std::move(claim), {}, broker::Door::agent_socket});
  }
  if (settings.listen && sockets.tcp.empty()) {
    auto tcp = listen_on(*settings.listen);
    if (!tcp) sockets.give_up_paths();
    if (!tcp) return fail(std::move(tcp).error());
    sockets.tcp.push_back(*std::move(tcp));
  }
  taken.sockets = std::move(sockets);
  return taken;
}

}  // namespace aivault::daemon
