#include "platform/tcp_peer.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <vector>

#include "base/text.h"

namespace aivault::platform {
namespace {

constexpr std::string_view kMapped = "0000000000000000FFFF0000";  // ::ffff:0:0/96
constexpr std::string_view kEstablished = "01";

// As an IPv4 socket, or as one for IPv6 that speaks IPv4.
bool is_address(std::string_view shown, std::string_view wanted) {
  if (shown == wanted) return true;
  return shown.size() == kMapped.size() + wanted.size() && shown.starts_with(kMapped) &&
         shown.ends_with(wanted);
}

std::optional<std::string> end_of(int socket, bool peer) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  const int failed = peer ? ::getpeername(socket, raw, &size) : ::getsockname(socket, raw, &size);
  if (failed != 0 || size != sizeof address || address.sin_family != AF_INET) return std::nullopt;
  return table_address(address.sin_addr.s_addr, ntohs(address.sin_port));
}

}  // namespace

std::string table_address(std::uint32_t address_as_sent, std::uint16_t port) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%08X:%04X", address_as_sent, unsigned{port});
  return text.data();
}

std::optional<std::int64_t> uid_in_table_line(std::string_view line,
                                              std::string_view local,
                                              std::string_view remote) {
  constexpr std::size_t kLocal = 1;
  constexpr std::size_t kRemote = 2;
  constexpr std::size_t kState = 3;
  constexpr std::size_t kUid = 7;
  std::vector<std::string_view> words;
  for (const auto word : split(line, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  if (words.size() <= kUid || !is_address(words[kLocal], local) ||
      !is_address(words[kRemote], remote) || words[kState] != kEstablished) {
    return std::nullopt;
  }
  std::int64_t uid = -1;
  const auto text = words[kUid];
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return uid;
}

std::optional<std::int64_t> uid_of_tcp_peer(int connected_socket) {
  const auto theirs = end_of(connected_socket, true);
  const auto ours = end_of(connected_socket, false);
  if (!theirs || !ours) return std::nullopt;
  for (const auto* path : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::ifstream table(path);
    for (std::string line; std::getline(table, line);) {
      if (const auto uid = uid_in_table_line(line, *theirs, *ours)) return uid;
    }
  }
  return std::nullopt;
}

}  // namespace aivault::platform
