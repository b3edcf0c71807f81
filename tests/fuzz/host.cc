// Hosts and patterns: a canonical form has one spelling, and no spelling of a private address gets
// through.
#include "http/host.h"

#include <arpa/inet.h>

#include "base/text.h"
#include "fuzz.h"
#include "policy/address.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

namespace {

// What a resolver of the C library makes of it without asking anybody.
void must_not_reach_this_machine(const std::string& host) {
  in_addr address{};
  if (inet_aton(host.c_str(), &address) == 0) return;
  const auto first = ntohl(address.s_addr) >> 24U;
  MUST(first != 127 && first != 10 && first != 0);
  MUST(ntohl(address.s_addr) >> 16U != (169U << 8U | 254U));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::text_of(data, size);
  const std::string pattern(fuzz::take_line(rest));
  const auto authority = http::parse_authority(rest);
  const bool is_pattern = http::check_pattern(pattern).has_value();
  if (!authority) {
    fuzz::must_be_presentable(authority.error());
    return 0;
  }
  const auto text = authority->text();
  const auto again = http::parse_authority(text);
  MUST(again && *again == *authority && again->text() == text);
  MUST(fuzz::is_visible(text) && text == to_lower(text) &&
       text.find_first_of("/?#@\\%*") == std::string::npos);
  MUST(http::matches(text, *authority));
  if (is_pattern && http::matches(pattern, *authority) && pattern.starts_with("*.")) {
    const auto suffix = to_lower(trim(pattern)).substr(1);
    const auto name = suffix.substr(0, suffix.find(':'));
    const auto bare = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
    MUST(authority->host().ends_with(bare) && authority->host().size() > bare.size());
  }
  if (policy::check_literal(*authority, policy::AddressPolicy::public_only)) {
    MUST(policy::check_literal(*authority, policy::AddressPolicy::allow_private));
    must_not_reach_this_machine(authority->host());
    const auto address = policy::parse_ip(authority->host());
    if (address) MUST(!policy::is_blocked(*address, policy::AddressPolicy::public_only));
  }
  return 0;
}
