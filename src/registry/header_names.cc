#include "registry/header_names.h"

#include <algorithm>
#include <array>

namespace aivault::registry {
namespace {

constexpr std::array<std::string_view, 15> kNames = {
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "http2-settings",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
};
constexpr std::array<std::string_view, 3> kBeginnings = {
    "sec-websocket-", "x-forwarded-", "x-aivault-"};

constexpr std::array<std::string_view, 22> kCredentialNames = {"authorization",
                                                               "proxy-authorization",
                                                               "cookie",
                                                               "cookie2",
                                                               "x-api-key",
                                                               "api-key",
                                                               "apikey",
                                                               "x-apikey",
                                                               "x-auth",
                                                               "x-auth-key",
                                                               "x-auth-token",
                                                               "x-access-token",
                                                               "x-authorization",
                                                               "x-csrf-token",
                                                               "x-xsrf-token",
                                                               "x-amz-date",
                                                               "x-amz-security-token",
                                                               "x-amz-content-sha256",
                                                               "x-goog-api-key",
                                                               "xi-api-key",
                                                               "private-token",
                                                               "job-token"};

}  // namespace

bool is_broker_header(std::string_view name) {
  return std::ranges::find(kNames, name) != kNames.end() ||
         std::ranges::any_of(
             kBeginnings, [&](std::string_view beginning) { return name.starts_with(beginning); });
}

bool is_credential_header(std::string_view name) {
  return std::ranges::find(kCredentialNames, name) != kCredentialNames.end();
}

}  // namespace aivault::registry
