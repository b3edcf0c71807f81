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

#include "base/patience.h"
#include "json/parse.h"
#include "platform/descriptor.h"
#include "platform/peer.h"

namespace aivault::daemon {
namespace {

constexpr std::size_t kMaxAnswer = 16384;
constexpr auto kLimit = patience(std::chrono::seconds(2));
constexpr std::string_view kLeave =
    "POST /aivault/shutdown HTTP/1.1\r\nhost: aivault\r\nconnection: close\r\n"
    "content-type: application/json\r\ncontent-length: 15\r\n\r\n{\"mode\":\"exit\"}";
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

void judge(std::string_view answer, FoundDaemon& found) {
  const auto head_end = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 200 ") || head_end == std::string_view::npos) return;
  const auto body = json::parse(answer.substr(head_end + 4));
  const json::Value* state = body ? body->find("state") : nullptr;
  if (state == nullptr) return;
  if (state->text() == "serving") found.presence = Presence::serving;
  if (state->text() == "draining") found.presence = Presence::draining;
  const json::Value* autostarted = body->find("autostarted");
  found.autostarted = autostarted != nullptr && autostarted->boolean();
}

struct Exchange {
  Presence presence = Presence::unknown;
  std::int64_t uid = -1;
  std::string answer;
};

Exchange ask(const std::string& socket_path, std::string_view request) {
  const platform::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  if (!socket || socket_path.size() >= sizeof address.sun_path) return {};
  address.sun_family = AF_UNIX;
  std::ranges::copy(socket_path, address.sun_path);
  limit_waiting(socket.get());
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), raw, sizeof address) != 0) {
    const bool is_nobody = errno == ECONNREFUSED || errno == ENOENT;
    return {.presence = is_nobody ? Presence::nobody : Presence::unknown, .uid = -1, .answer = {}};
  }
  const auto peer = platform::peer_of(socket.get());
  const ssize_t sent = ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
  if (!peer || sent != static_cast<ssize_t>(request.size())) return {};
  return {.presence = Presence::unknown, .uid = peer->uid, .answer = read_answer(socket.get())};
}

}  // namespace

FoundDaemon find_daemon(const std::string& socket_path) {
  const auto exchange = ask(socket_path, kRequest);
  FoundDaemon found{.presence = exchange.presence, .autostarted = false, .uid = exchange.uid};
  judge(exchange.answer, found);
  return found;
}

Presence probe(const std::string& socket_path) { return find_daemon(socket_path).presence; }

bool ask_to_leave(const std::string& socket_path) {
  return ask(socket_path, kLeave).answer.starts_with("HTTP/1.1 202 ");
}

}  // namespace aivault::daemon
