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

std::string in_hex(std::uint32_t word) {
  std::array<char, 9> text{};
  (void)std::snprintf(text.data(), text.size(), "%08X", word);
  return text.data();
}

// The tables of IPv6 print an address as four words, each as it lies in memory.
std::string table_address_v6(const in6_addr& address, std::uint16_t port) {
  std::string text;
  for (const auto word : address.s6_addr32) text += in_hex(word);
  return text + table_address(0, port).substr(in_hex(0).size());
}

std::optional<std::string> end_of(int socket, bool peer) {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } address{};
  socklen_t size = sizeof address;
  const int failed = peer ? ::getpeername(socket, &address.any, &size)
                          : ::getsockname(socket, &address.any, &size);
  if (failed != 0) return std::nullopt;
  if (address.any.sa_family == AF_INET) {
    return table_address(address.v4.sin_addr.s_addr, ntohs(address.v4.sin_port));
  }
  if (address.any.sa_family != AF_INET6) return std::nullopt;
  return table_address_v6(address.v6.sin6_addr, ntohs(address.v6.sin6_port));
}

}  // namespace

std::string table_address(std::uint32_t address_as_sent, std::uint16_t port) {
  std::array<char, 16> text{};
  (void)std::snprintf(text.data(), text.size(), "%08X:%04X", address_as_sent, unsigned{port});
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
