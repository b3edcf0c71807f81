#include "auth/basic.h"

#include "base/reveal.h"

namespace aivault::auth {
namespace {

constexpr const char* kExpected = "basic secret must be JSON with username/password";

Result<BasicPair> plain_pair(const Secret& secret) {
  if (is_json_object(secret)) {
    auto fields = parse_fields(secret, "basic secret");
    if (!fields) return malformed(kExpected);
    const auto* username = find(*fields, "username");
    const auto* password = find(*fields, "password");
    if (username == nullptr || password == nullptr) return malformed(kExpected);
    return BasicPair{username->clone(), password->clone()};
  }
  const auto text = secret.text(Reveal{});
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return malformed(kExpected);
  return BasicPair{Secret::copy_of(text.substr(0, colon)), Secret::copy_of(text.substr(colon + 1))};
}

}  // namespace

Secret BasicPair::joined() const {
  return Secret::join({username.text(Reveal{}), ":", password.text(Reveal{})});
}

Result<Fields> basic_fields(const Secret& secret) {
  if (is_json_object(secret)) return parse_fields(secret, "basic secret");
  Fields fields;
  fields.push_back({"secret", secret.clone()});
  return fields;
}

Result<BasicPair> basic_pair(const registry::BasicAuth& auth, const Secret& secret) {
  if (!is_utf8(secret)) return malformed("secret must be utf-8");
  BasicPair pair;
  if (auth.templated) {
    TRY_ASSIGN(const auto fields, basic_fields(secret));
    TRY_ASSIGN(pair.username, render(auth.username_template, fields));
    TRY_ASSIGN(pair.password, render(auth.password_template, fields));
  } else {
    TRY_ASSIGN(pair, plain_pair(secret));
  }
  // The first colon divides the pair (RFC 7617 2).
  if (pair.username.text(Reveal{}).find(':') != std::string_view::npos) {
    return malformed("basic username must not contain ':'");
  }
  if (pair.username.empty() && pair.password.empty()) return malformed(kExpected);
  return pair;
}

}  // namespace aivault::auth
