#include "broker/client_ip.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "policy/address.h"

namespace aivault::broker {
namespace {

constexpr std::array<unsigned char, 16> kLoopback6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

bool is_loopback(const policy::IpAddress& address) {
  return address.v6 ? address.bytes == kLoopback6 : address.bytes[0] == 127;
}

}  // namespace

Result<void> check_client_ip(std::string_view text, RemoteClients remote) {
  const auto address = policy::parse_ip(trim(text));
  if (!address) return invalid_request("record_invalid", "invalid clientIp");
  if (remote == RemoteClients::refused && !is_loopback(*address)) {
    return policy_violation("remote_client", "non-loopback clients are rejected by default");
  }
  return {};
}

}  // namespace aivault::broker
