#include "auth/injection.h"

#include <utility>

#include "auth/basic.h"
#include "auth/fields.h"
#include "base/encoding.h"
#include "base/reveal.h"
#include "base/text.h"

namespace aivault::auth {
namespace {

Result<void> check_text(const Secret& secret, const char* missing) {
  if (secret.empty()) return malformed(missing);
  if (!is_utf8(secret)) return malformed("secret must be utf-8");
  return {};
}

// A secret that could end the path segment it stands in, or climb out of it.
bool fits_path(std::string_view text) {
  if (text == "." || text == "..") return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7F) return false;
    if (c == '/' || c == '?' || c == '#' || c == '%' || c == '\\') return false;
  }
  return true;
}

struct Injector {
  const Secret& secret;

  Result<Injection> operator()(const registry::HeaderAuth& auth) const {
    TRY(check_text(secret, "missing string secret for header auth"));
    Injection result;
    result.header_name = auth.header_name;
    result.header_value = render_secret(auth.value_template, secret);
    return checked(std::move(result));
  }

  Result<Injection> operator()(const registry::PathAuth& auth) const {
    TRY(check_text(secret, "missing string secret for path auth"));
    if (!fits_path(secret.text(Reveal{}))) {
      return policy_violation("auth_config", "path auth secret contains invalid characters");
    }
    std::string_view prefix = auth.prefix_template;
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    Injection result;
    result.path_prefix = render_secret(prefix, secret);
    return result;
  }

  Result<Injection> operator()(const registry::QueryAuth& auth) const {
    TRY(check_text(secret, "missing string secret for query auth"));
    const auto name = percent_encode(auth.param_name);
    const auto value = percent_encoded(secret);
    Injection result;
    result.query_pair = Secret::join({name, "=", value.text(Reveal{})});
    return result;
  }

  Result<Injection> operator()(const registry::BasicAuth& auth) const {
    if (secret.empty()) return malformed("missing username/password secret for basic auth");
    TRY_ASSIGN(const auto pair, basic_pair(auth, secret));
    const auto joined = pair.joined();
    const auto encoded = base64_of(joined);
    Injection result;
    result.header_name = "authorization";
    result.header_value = Secret::join({"Basic ", encoded.text(Reveal{})});
    return checked(std::move(result));
  }

  static Result<Injection> checked(Injection injection) {
    if (!is_header_value(injection.header_value)) {
      return malformed("secret cannot be sent in a header");
    }
    return injection;
  }
};

}  // namespace

Result<Injection> inject(const registry::AuthSpec& auth, const Secret& secret) {
  return std::visit(Injector{secret}, auth);
}

}  // namespace aivault::auth
