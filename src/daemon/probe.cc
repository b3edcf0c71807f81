#include "daemon/probe.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>

#include "json/parse.h"
#include "platform/descriptor.h"

namespace aivault::daemon {
namespace {

constexpr std::size_t kMaxAnswer = 16384;
constexpr std::chrono::seconds kLimit{2};
constexpr std::string_view kRequest =
    "GET /aivault/health HTTP/1.1\r\nhost: aivault\r\nconnection: close\r\n\r\n";

void limit_waiting(int socket) {
  const timeval limit{.tv_sec = kLimit.count(), .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

std::string read_answer(int socket) {
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  std::string answer;
  std::array<char, 4096> piece{};
  while (answer.size() < kMaxAnswer && std::chrono::steady_clock::now() < deadline) {
    const ssize_t got = ::recv(socket, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    answer.append(piece.data(), static_cast<std::size_t>(got));
  }
  return answer;
}

Presence judge(std::string_view answer) {
  const auto head_end = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 200 ") || head_end == std::string_view::npos) {
    return Presence::unknown;
  }
  const auto body = json::parse(answer.substr(head_end + 4));
  const json::Value* state = body ? body->find("state") : nullptr;
  if (state == nullptr) return Presence::unknown;
  if (state->text() == "serving") return Presence::serving;
  return state->text() == "draining" ? Presence::draining : Presence::unknown;
}

}  // namespace

Presence probe(const std::string& socket_path) {
  const platform::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  if (!socket || socket_path.size() >= sizeof address.sun_path) return Presence::unknown;
  address.sun_family = AF_UNIX;
  std::ranges::copy(socket_path, address.sun_path);
  limit_waiting(socket.get());
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), raw, sizeof address) != 0) {
    return errno == ECONNREFUSED || errno == ENOENT ? Presence::nobody : Presence::unknown;
  }
  const ssize_t sent = ::send(socket.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(kRequest.size())) return Presence::unknown;
  return judge(read_answer(socket.get()));
}

}  // namespace aivault::daemon
