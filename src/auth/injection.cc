#include "auth/injection.h"

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "base/reveal.h"
#include "base/text.h"
#include "http/message.h"
#include "policy/path_template.h"
#include "registry/template.h"

namespace aivault::auth {
namespace {

tl::unexpected<Error> malformed(std::string message) {
  return vault_unavailable("secret_malformed", std::move(message));
}
tl::unexpected<Error> refused(std::string message) {
  return policy_violation("auth_config", std::move(message));
}

std::size_t size_of(const Parts& parts) {
  std::size_t size = 0;
  for (const auto part : parts) size += part.size();
  return size;
}

// Every literal {{secret}} gives way to the secret; the result is not read again.
Parts filled_in(std::string_view text, std::string_view secret) {
  constexpr std::string_view kPlaceholder = "{{secret}}";
  Parts parts;
  for (auto at = text.find(kPlaceholder); at != std::string_view::npos;
       at = text.find(kPlaceholder)) {
    parts.push_back(text.substr(0, at));
    parts.push_back(secret);
    text.remove_prefix(at + kPlaceholder.size());
  }
  parts.push_back(text);
  return parts;
}

// Field templates: {{ name }}.
Result<Parts> rendered(std::string_view text, const Fields& fields) {
  TRY_ASSIGN(const auto names, registry::placeholders_of(text));
  Parts parts;
  for (const auto& name : names) {
    const auto open = text.find("{{");
    const auto close = text.find("}}", open);
    const auto value = fields.find(name);
    if (!value) return malformed("missing secret field '" + quote_for_message(name) + "' for auth");
    parts.push_back(text.substr(0, open));
    parts.push_back(*value);
    text.remove_prefix(close + 2);
  }
  parts.push_back(text);
  return parts;
}

Result<Fields> basic_fields(const registry::BasicAuth& auth, std::string_view secret) {
  if (trim(secret).starts_with('{')) {
    auto fields = Fields::parse(secret);
    if (!fields) return malformed("basic secret must be JSON with username/password");
    return *std::move(fields);
  }
  if (auth.templated) return Fields::of({{"secret", secret}});
  const auto colon = secret.find(':');
  if (colon == std::string_view::npos) {
    return malformed("basic secret must be JSON with username/password");
  }
  return Fields::of(
      {{"username", secret.substr(0, colon)}, {"password", secret.substr(colon + 1)}});
}

// Joined and in Base64, without a copy of the joined text.
Secret base64_of(const Parts& parts) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Secret encoded = Secret::zeroed((size_of(parts) + 2) / 3 * 4);
  auto out = encoded.writable(Reveal()).begin();
  const auto put = [&](unsigned sextet) { *out++ = std::byte(kAlphabet[sextet & 0x3FU]); };
  unsigned bits = 0;
  int count = 0;  // Of bits that wait.
  for (const auto part : parts) {
    for (const char c : part) {
      bits = bits << 8U | static_cast<unsigned char>(c);
      for (count += 8; count >= 6; count -= 6) put(bits >> static_cast<unsigned>(count - 6));
    }
  }
  if (count > 0) put(bits << static_cast<unsigned>(6 - count));
  while (out != encoded.writable(Reveal()).end()) *out++ = std::byte('=');
  return encoded;
}

Secret percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto is_plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
  };
  const auto plain = static_cast<std::size_t>(std::ranges::count_if(text, is_plain));
  Secret encoded = Secret::zeroed(plain + 3 * (text.size() - plain));
  auto out = encoded.writable(Reveal()).begin();
  for (const char c : text) {
    const unsigned value = static_cast<unsigned char>(c);
    if (is_plain(c)) {
      *out++ = std::byte(value);
    } else {
      *out++ = std::byte('%');
      *out++ = std::byte(kHex[value >> 4U]);
      *out++ = std::byte(kHex[value & 0xFU]);
    }
  }
  return encoded;
}

Result<void> check_header_value(const Parts& value) {
  if (!std::ranges::all_of(value, http::is_field_value)) {
    return malformed("secret cannot be sent in a header");
  }
  return {};
}

Result<Injection> inject(const registry::HeaderAuth& auth, std::string_view secret) {
  Injection injection;
  injection.header_name = auth.header_name;
  injection.header_value = filled_in(auth.value_template, secret);
  TRY(check_header_value(injection.header_value));
  return injection;
}

Result<Injection> inject(const registry::BasicAuth& auth, std::string_view secret) {
  TRY_ASSIGN(auto material, basic_material(auth, secret));
  Parts pair = std::move(material.username);
  pair.emplace_back(":");
  pair.insert(pair.end(), material.password.begin(), material.password.end());
  Injection injection;
  injection.encoded = base64_of(pair);
  injection.header_name = "authorization";
  injection.header_value = {"Basic ", injection.encoded.text(Reveal())};
  return injection;
}

Result<Injection> inject(const registry::QueryAuth& auth, std::string_view secret) {
  Injection injection;
  const std::string name = percent_encode(auth.param_name);
  const Secret value = percent_encoded(secret);
  injection.encoded = Secret::join({name, "=", value.text(Reveal())});
  injection.query_pair = {injection.encoded.text(Reveal())};
  return injection;
}

bool is_clean_in_path(char c) {
  constexpr std::string_view kSpecial = "/?#%\\";
  const auto value = static_cast<unsigned char>(c);
  return value > 0x20 && value < 0x7F && kSpecial.find(c) == std::string_view::npos;
}

// The segment that the secret ends up in, as a server may read it.
bool is_dot_segment(const policy::PathTemplate& parts, std::string_view secret) {
  const auto before = parts.before.substr(parts.before.rfind('/') + 1);
  const auto after = parts.after.substr(0, parts.after.find('/'));
  if (before.size() + after.size() > 2) return false;
  const auto is_dots = [](std::string_view text) {
    return text.find_first_not_of('.') == std::string_view::npos;
  };
  const auto core = secret.substr(0, secret.find(';'));
  const bool cut = core.size() != secret.size();
  const std::size_t dots = before.size() + core.size() + (cut ? 0 : after.size());
  return dots >= 1 && dots <= 2 && is_dots(before) && is_dots(core) && (cut || is_dots(after));
}

Result<Injection> inject(const registry::PathAuth& auth, std::string_view secret) {
  const auto parts = policy::parse_path_template(auth.prefix_template);
  if (!parts) return refused("path auth prefixTemplate must contain exactly one {{secret}}");
  if (!std::ranges::all_of(secret, is_clean_in_path) || secret == "." || secret == ".." ||
      is_dot_segment(*parts, secret)) {
    return refused("path auth secret contains invalid characters");
  }
  Injection injection;
  injection.path_prefix = {parts->before, secret, parts->after};
  return injection;
}

// Kinds that no request can be signed with yet; parse_auth refuses them in records.
template <typename Auth>
Result<Injection> inject(const Auth& auth, std::string_view /*secret*/) {
  return refused(std::string(registry::auth_word(auth)) + " auth is not available");
}

}  // namespace

Result<std::string_view> secret_text(const registry::AuthSpec& auth, const Secret& secret) {
  if (secret.empty()) {
    if (std::holds_alternative<registry::BasicAuth>(auth)) {
      return malformed("missing username/password secret for basic auth");
    }
    return malformed("missing string secret for " + std::string(registry::auth_word(auth)) +
                     " auth");
  }
  const auto text = secret.text(Reveal());
  if (!is_valid_utf8(text)) return malformed("secret must be utf-8");
  return text;
}

Result<BasicMaterial> basic_material(const registry::BasicAuth& auth, std::string_view secret) {
  TRY_ASSIGN(auto fields, basic_fields(auth, secret));
  if (!auth.templated && (!fields.find("username") || !fields.find("password"))) {
    return malformed("missing username/password secret for basic auth");
  }
  BasicMaterial material{std::move(fields), {}, {}};
  TRY_ASSIGN(material.username, rendered(auth.username_template, material.fields));
  TRY_ASSIGN(material.password, rendered(auth.password_template, material.fields));
  // The first colon divides the pair (RFC 7617 2).
  const auto has_colon = [](std::string_view part) {
    return part.find(':') != std::string_view::npos;
  };
  if (std::ranges::any_of(material.username, has_colon)) {
    return malformed("basic username must not contain ':'");
  }
  if (size_of(material.username) + size_of(material.password) == 0) {
    return malformed("missing username/password secret for basic auth");
  }
  return material;
}

Result<Injection> make_injection(const registry::AuthSpec& auth, const Secret& secret) {
  TRY_ASSIGN(const auto text, secret_text(auth, secret));
  return std::visit([&](const auto& strategy) { return inject(strategy, text); }, auth);
}

}  // namespace aivault::auth
