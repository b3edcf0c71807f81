#include "http/host.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace aivault::http {
namespace {

auto refuse(std::string message) { return policy_violation("host_mismatch", std::move(message)); }

auto invalid(std::string_view why) {
  return refuse("invalid host authority in capability or credential: " + std::string(why));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool canonical = !text.empty() && text.front() != '0';
  if (problem != std::errc() || stop != text.data() + text.size() || !canonical)
    return invalid("the port");
  return port;
}

Result<std::string> parse_ipv6(std::string_view text) {
  in6_addr address{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  if (inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1 ||
      text.find('\0') != std::string_view::npos ||
      inet_ntop(AF_INET6, &address, canonical.data(), canonical.size()) == nullptr) {
    return invalid("the IPv6 address");
  }
  return std::string(canonical.data());
}

Result<void> check_name(std::string_view name) {
  if (name.size() > 253) return invalid("longer than 253 bytes");
  for (const auto label : split(name, '.')) {
    if (label.empty() || label.size() > 63) return invalid("a label is not 1 to 63 bytes long");
    for (const char c : label) {
      const bool good = (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
      if (!good) return invalid("letters, digits, '-', '_' and '.' only");
    }
  }
  return {};
}

// "*.a.com" as "a.com"; nullopt for an exact pattern.
std::optional<std::string_view> suffix_of(std::string_view pattern) {
  if (!pattern.starts_with("*.")) return std::nullopt;
  return pattern.substr(2);
}

}  // namespace

std::string Authority::text() const {
  std::string out = ipv6_ ? "[" + host_ + "]" : host_;
  if (port_) out += ":" + std::to_string(*port_);
  return out;
}

Result<Authority> parse_authority(std::string_view raw) {
  const auto trimmed = trim(raw);
  if (trimmed.empty()) return invalid("it is empty");
  if (trimmed.find('*') != std::string_view::npos) {
    return refuse("wildcard hosts are invalid for core conformance");
  }
  if (std::ranges::any_of(trimmed, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    return invalid("use the xn-- form");
  }
  const auto lower = to_lower(trimmed);
  std::string_view rest = lower;
  Authority authority;
  if (rest.front() == '[') {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return invalid("the IPv6 address");
    TRY_ASSIGN(authority.host_, parse_ipv6(rest.substr(1, close - 1)));
    authority.ipv6_ = true;
    rest.remove_prefix(close + 1);
    if (!rest.empty() && rest.front() != ':') return invalid("text behind the IPv6 address");
  } else {
    auto name = rest.substr(0, rest.find(':'));
    rest.remove_prefix(name.size());
    if (name.ends_with('.')) name.remove_suffix(1);
    TRY(check_name(name));
    authority.host_ = name;
  }
  if (!rest.empty()) {
    TRY_ASSIGN(const auto port, parse_port(rest.substr(1)));
    if (port != 443) authority.port_ = port;
  }
  return authority;
}

Result<void> check_pattern(std::string_view pattern) {
  const auto trimmed = trim(pattern);
  if (trimmed.empty()) return refuse("host cannot be empty");
  const auto stars = std::ranges::count(trimmed, '*');
  if (stars == 0) {
    TRY(parse_authority(trimmed));
    return {};
  }
  const auto suffix = suffix_of(trimmed);
  if (!suffix) return refuse("wildcards are only allowed as leading *.");
  if (stars > 1) return refuse("invalid wildcard host pattern");
  if (trim(*suffix) != *suffix) return invalid("it has white space in it");
  TRY_ASSIGN(const auto authority, parse_authority(*suffix));
  const auto labels = split(authority.host(), '.');
  if (labels.size() < 2) return refuse("wildcard must include at least one suffix label");
  // No address has sub-domains.
  if (authority.is_ipv6() || std::ranges::all_of(labels.back(), is_digit)) {
    return refuse("invalid wildcard host pattern");
  }
  return {};
}

bool matches(std::string_view pattern, const Authority& authority) {
  const auto trimmed = trim(pattern);
  if (!check_pattern(trimmed)) return false;
  const auto suffix = suffix_of(trimmed);
  const auto wanted = parse_authority(suffix.value_or(trimmed));
  if (!wanted) return false;
  if (wanted->port() && wanted->port() != authority.port()) return false;
  if (!suffix)
    return wanted->is_ipv6() == authority.is_ipv6() && wanted->host() == authority.host();
  return !authority.is_ipv6() && authority.host().ends_with("." + wanted->host());
}

}  // namespace aivault::http
