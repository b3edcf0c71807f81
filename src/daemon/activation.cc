#include "daemon/activation.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/digits.h"
#include "base/text.h"
#include "platform/safe_directory.h"

namespace aivault::daemon {
namespace {

constexpr int kFirst = 3;
constexpr int kMaxPassed = 16;
constexpr mode_t kNoDirectoryIsMade = 0700;  // The socket is in it already.

auto refused(int descriptor, std::string_view why) {
  return vault_unavailable(
      "internal",
      "descriptor " + std::to_string(descriptor) + " of the service manager " + std::string(why));
}

int option_of(int socket, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

// Of a unix socket in the file system; empty: it has none.
std::string path_of(int socket) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  if (size <= offsetof(sockaddr_un, sun_path) || address.sun_path[0] != '/') return {};
  const std::size_t most = size - offsetof(sockaddr_un, sun_path);
  return {address.sun_path, ::strnlen(address.sun_path, most)};
}

// /run and /var/run are the same place.
std::string_view without_var(std::string_view path) {
  return path.starts_with("/var/run/") ? path.substr(4) : path;
}

broker::Door door_of(const PassedName& passed,
                     const std::string& path,
                     const std::string& agent_socket) {
  if (passed.name == "operator") return broker::Door::operator_socket;
  const bool is_for_agents =
      passed.name == "agent" || without_var(path) == without_var(agent_socket);
  return is_for_agents ? broker::Door::agent_socket : broker::Door::operator_socket;
}

}  // namespace

Result<std::vector<PassedName>> passed_descriptors(const platform::Environment& environment) {
  std::vector<PassedName> passed;
  const auto text = environment.text("LISTEN_FDS");
  const auto pid = parse_digits(environment.text("LISTEN_PID").value_or(""));
  if (!text || pid != std::int64_t{::getpid()}) return passed;
  const auto count = parse_digits(*text);
  if (!count || *count < 0 || *count > kMaxPassed) {
    return vault_unavailable("internal", "invalid LISTEN_FDS '" + quote_for_message(*text) + "'");
  }
  const auto list = environment.text("LISTEN_FDNAMES").value_or("");
  const auto names = split(list, ':');
  for (int i = 0; i < *count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    passed.push_back({kFirst + i, index < names.size() ? std::string(names[index]) : ""});
  }
  return passed;
}

Result<std::vector<PassedSocket>> take_passed_sockets(const std::vector<PassedName>& names,
                                                      const std::string& agent_socket) {
  std::vector<PassedSocket> sockets;
  for (const auto& passed : names) {
    const int socket = passed.descriptor;
    if (option_of(socket, SO_ACCEPTCONN) != 1 || option_of(socket, SO_TYPE) != SOCK_STREAM) {
      return refused(socket, "is not a listening stream socket");
    }
    if (const auto tcp = tcp_place_of(socket)) {
      keep_on_this_machine(socket, *tcp);
      sockets.push_back({platform::Descriptor(socket), "", broker::Door::tcp, tcp});
      continue;
    }
    const auto path = option_of(socket, SO_DOMAIN) == AF_UNIX ? path_of(socket) : std::string();
    if (path.empty())
      return refused(socket, "is neither a unix socket with a path nor on the loopback");
    TRY(platform::open_safe_directory(path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)),
                                      kNoDirectoryIsMade));
    sockets.push_back({platform::Descriptor(socket), path, door_of(passed, path, agent_socket)});
  }
  return sockets;
}

}  // namespace aivault::daemon
