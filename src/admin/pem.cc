#include "admin/pem.h"

#include <string>

#include "base/encoding.h"
#include "base/text.h"

namespace aivault::admin {
namespace {

constexpr std::size_t kMaxPem = std::size_t{256} << 10U;
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

tl::unexpected<Error> refused(std::string_view why) {
  return invalid_request("record_invalid", "--tls-ca-file " + std::string(why));
}

}  // namespace

Result<void> check_trust_anchors(std::string_view pem) {
  if (pem.size() > kMaxPem) return refused("must not be larger than 256 KiB");
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
    return refused("holds a private key; give certificates only");
  }
  std::size_t count = 0;
  for (auto at = pem.find(kBegin); at != std::string_view::npos; at = pem.find(kBegin)) {
    pem.remove_prefix(at + kBegin.size());
    const auto end = pem.find(kEnd);
    if (end == std::string_view::npos) return refused("holds a certificate without an end");
    std::string encoded;
    for (const char c : pem.substr(0, end)) {
      if (!is_space(c)) encoded += c;
    }
    const auto der = from_base64(encoded);
    // A DER SEQUENCE; what is in it is judged when it is used.
    if (!der || der->size() < 2 || der->front() != '\x30') {
      return refused("holds a malformed certificate");
    }
    pem.remove_prefix(end + kEnd.size());
    ++count;
  }
  if (count == 0) return refused("holds no PEM certificate");
  return {};
}

}  // namespace aivault::admin
