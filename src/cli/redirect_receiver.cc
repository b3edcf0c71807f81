#include "cli/redirect_receiver.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "base/wipe.h"
#include "http/head.h"
#include "http/percent.h"
#include "platform/tcp_peer.h"

namespace aivault::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxRedirectHead = std::size_t{16} << 10U;  // Bytes.
constexpr std::size_t kMaxGuests = 8;
constexpr seconds kPatience{10};  // With one connection.
constexpr int kOk = 200;
constexpr int kBadRequest = 400;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;

void send_page(int connection, int status, std::string_view text) {
  std::string page = "HTTP/1.1 " + std::to_string(status) + (status == kOk ? " OK" : " Error");
  page +=
      "\r\ncontent-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\n"
      "referrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\n"
      "content-security-policy: default-src 'none'\r\nconnection: close\r\ncontent-length: ";
  page += std::to_string(text.size() + 1) + "\r\n\r\n";
  page.append(text).append("\n");
  // A page that does not arrive changes nothing.
  static_cast<void>(::send(connection, page.data(), page.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  ::shutdown(connection, SHUT_WR);
}

std::string form_decoded(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  auto decoded = http::percent_decode(spaced);
  wipe(spaced);
  return decoded;
}

bool is_our_host(const http::Headers& headers, std::uint16_t port) {
  const auto* host = http::find(headers, "host");
  const auto ending = ":" + std::to_string(port);
  return host != nullptr && (*host == "127.0.0.1" + ending || *host == "localhost" + ending);
}

struct Seen {
  bool code = false, state = false, error = false, iss = false;
};

// False: it was there before.
bool take_pair(std::string_view name, std::string value, RedirectQuery& query, Seen& seen) {
  if (name == "code") {
    query.code = Secret::copy_of(value);
    wipe(value);
    return !std::exchange(seen.code, true);
  }
  if (name == "state") {
    query.state = std::move(value);
    return !std::exchange(seen.state, true);
  }
  if (name == "error") {
    query.error = std::move(value);
    return !std::exchange(seen.error, true);
  }
  if (name == "iss") {
    query.iss = std::move(value);
    return !std::exchange(seen.iss, true);
  }
  return true;
}

}  // namespace

std::optional<RedirectQuery> read_redirect(std::string_view head, std::uint16_t port) {
  constexpr std::string_view kPath = "/callback?";
  auto parsed = http::parse_request_head(head);
  if (!parsed || parsed->method != "GET" || !parsed->target.starts_with(kPath) ||
      !is_our_host(parsed->headers, port)) {
    return std::nullopt;
  }
  RedirectQuery query;
  Seen seen;
  bool clear = true;
  for (const auto piece : split(std::string_view(parsed->target).substr(kPath.size()), '&')) {
    const auto equals = std::min(piece.find('='), piece.size());
    const auto name = form_decoded(piece.substr(0, equals));
    auto value = form_decoded(piece.substr(std::min(equals + 1, piece.size())));
    clear = take_pair(name, std::move(value), query, seen) && clear;
  }
  wipe(parsed->target);
  if (!clear || query.state.empty() || (query.code.empty() && query.error.empty())) {
    return std::nullopt;
  }
  return query;
}

Result<RedirectReceiver> RedirectReceiver::listen(std::uint16_t port) {
  platform::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  const bool listens = listener && ::bind(listener.get(), raw, size) == 0 &&
                       ::listen(listener.get(), static_cast<int>(kMaxGuests)) == 0 &&
                       ::getsockname(listener.get(), raw, &size) == 0;
  if (!listens) {
    return invalid_request(
        "", "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(errno));
  }
  return RedirectReceiver(std::move(listener), ntohs(address.sin_port));
}

RedirectReceiver::~RedirectReceiver() {
  for (auto& guest : guests_) wipe(guest.received);
}

std::string RedirectReceiver::redirect_uri() const {
  return "http://127.0.0.1:" + std::to_string(port_) + "/callback";
}

void RedirectReceiver::admit() {
  platform::Descriptor guest(
      ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!guest) return;
  if (platform::uid_of_tcp_peer(guest.get()) != std::int64_t{::geteuid()}) {
    send_page(guest.get(), kForbidden, "This page is for the user who logs in.");
    return;
  }
  if (guests_.size() >= kMaxGuests) guests_.erase(guests_.begin());  // The oldest says nothing.
  guests_.push_back(
      {.connection = std::move(guest), .received = {}, .until = Clock::now() + kPatience});
}

bool RedirectReceiver::hear(Guest& guest, std::optional<Visit>& visit) const {
  std::array<char, 4096> piece{};
  const auto got = ::recv(guest.connection.get(), piece.data(), piece.size(), 0);
  if (got < 0) return errno != EAGAIN && errno != EINTR;
  if (got == 0) return true;
  // Grown by hand, so that no copy is left behind unwiped.
  if (guest.received.capacity() < kMaxRedirectHead) guest.received.reserve(kMaxRedirectHead);
  const auto room = kMaxRedirectHead - guest.received.size();
  guest.received.append(piece.data(), std::min(static_cast<std::size_t>(got), room));
  wipe(piece.data(), piece.size());
  const auto size = http::head_size(guest.received);
  if (size == 0) {
    if (guest.received.size() < kMaxRedirectHead) return false;
    send_page(guest.connection.get(), kBadRequest, "The request is too large.");
    return true;
  }
  auto query = read_redirect(std::string_view(guest.received).substr(0, size), port_);
  if (query) {
    visit = Visit{.connection = std::move(guest.connection), .query = *std::move(query)};
  } else {
    send_page(guest.connection.get(), kNotFound, "This page takes the answer to a login only.");
  }
  return true;
}

std::optional<RedirectReceiver::Visit> RedirectReceiver::wait(milliseconds limit) {
  const auto until = Clock::now() + limit;
  while (true) {
    const auto now = Clock::now();
    std::erase_if(guests_, [now](Guest& guest) {
      if (now < guest.until) return false;
      wipe(guest.received);
      return true;
    });
    if (now >= until) return std::nullopt;
    std::vector<pollfd> waiting{{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    auto wake = until;
    for (const auto& guest : guests_) {
      waiting.push_back({.fd = guest.connection.get(), .events = POLLIN, .revents = 0});
      wake = std::min(wake, guest.until);
    }
    const auto left = std::chrono::ceil<milliseconds>(wake - now).count();
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(left)) < 0) continue;
    std::optional<Visit> visit;
    for (auto i = guests_.size(); i > 0 && !visit; --i) {
      if (waiting[i].revents == 0) continue;
      auto& guest = guests_[i - 1];
      if (!hear(guest, visit)) continue;
      wipe(guest.received);
      guests_.erase(guests_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    }
    if (visit) return visit;
    if (waiting.front().revents != 0) admit();
  }
}

void RedirectReceiver::answer(const Visit& visit, int status, std::string_view text) {
  send_page(visit.connection.get(), status, text);
}

}  // namespace aivault::cli
