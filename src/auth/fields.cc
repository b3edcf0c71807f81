#include "auth/fields.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "base/reveal.h"
#include "base/text.h"
#include "base/wipe.h"
#include "http/message.h"
#include "json/parse.h"
#include "json/wiping_memory.h"

namespace aivault::auth {
namespace {

constexpr std::size_t kMaxFields = 256;
constexpr std::string_view kPlaceholder = "{{secret}}";
constexpr std::string_view kHexDigits = "0123456789ABCDEF";
constexpr std::string_view kSmallHexDigits = "0123456789abcdef";

// NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth.
Result<void> collect(const json::Value& object, const std::string& prefix, Fields& fields) {
  for (const auto& member : object.members()) {
    const auto name = prefix + std::string(trim(member.key));
    if (member.value.is(json::Kind::object)) {
      TRY(collect(member.value, name + ".", fields));
    } else if (member.value.is(json::Kind::string)) {
      if (find(fields, name) != nullptr) return malformed("secret holds a field twice");
      if (fields.size() == kMaxFields) return malformed("secret holds more than 256 fields");
      fields.push_back({name, Secret::copy_of(member.value.text())});
    }
  }
  return {};
}

bool is_unreserved(unsigned char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Writes into exactly as much guarded memory as a first pass has counted.
template <typename Emit>
Secret encode(std::string_view text, Emit emit) {
  std::size_t size = 0;
  for (const char c : text) emit(static_cast<unsigned char>(c), [&size](char) { ++size; });
  auto out = Secret::zeroed(size);
  auto bytes = out.writable(Reveal{});
  std::size_t at = 0;
  for (const char c : text) {
    emit(static_cast<unsigned char>(c), [&](char byte) { bytes[at++] = std::byte(byte); });
  }
  return out;
}

}  // namespace

tl::unexpected<Error> malformed(std::string message) {
  return vault_unavailable("secret_malformed", std::move(message));
}

Result<Fields> parse_fields(const Secret& secret, std::string_view what) {
  json::WipingMemory memory;
  json::Limits limits;
  const auto parsed = json::parse(secret.text(Reveal{}), limits, json::Positions::none, &memory);
  if (!parsed) return malformed(std::string(what) + " must be JSON");
  if (!parsed->is(json::Kind::object)) {
    return malformed(std::string(what) + " must be a JSON object");
  }
  Fields fields;
  TRY(collect(*parsed, "", fields));
  if (fields.empty()) return malformed(std::string(what) + " must include at least one field");
  return fields;
}

const Secret* find(const Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? nullptr : &found->value;
}

Result<Secret> render(std::string_view text, const Fields& fields) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto open = text.find("{{");
    parts.push_back(text.substr(0, open));
    if (open == std::string_view::npos) break;
    const auto close = text.find("}}", open + 2);
    if (close == std::string_view::npos) {
      return policy_violation("auth_config", "invalid template (missing '}}')");
    }
    const auto name = trim(text.substr(open + 2, close - open - 2));
    if (name.empty()) {
      return policy_violation("auth_config", "invalid template (empty placeholder)");
    }
    const auto* value = find(fields, name);
    if (value == nullptr) {
      return malformed("missing secret field '" + quote_for_message(name, 64) + "' for auth");
    }
    parts.push_back(value->text(Reveal{}));
    text.remove_prefix(close + 2);
  }
  return Secret::join(parts);
}

Secret render_secret(std::string_view text, const Secret& secret) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(kPlaceholder);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) break;
    parts.push_back(secret.text(Reveal{}));
    text.remove_prefix(at + kPlaceholder.size());
  }
  return Secret::join(parts);
}

bool is_utf8(const Secret& secret) { return is_valid_utf8(secret.text(Reveal{})); }

bool is_json_object(const Secret& secret) { return trim(secret.text(Reveal{})).starts_with('{'); }

bool is_header_value(const Secret& secret) { return http::is_field_value(secret.text(Reveal{})); }

Secret percent_encoded(const Secret& secret) {
  return encode(secret.text(Reveal{}), [](unsigned char c, auto put) {
    if (is_unreserved(c)) {
      put(static_cast<char>(c));
      return;
    }
    put('%');
    put(kHexDigits[c >> 4U]);
    put(kHexDigits[c & 15U]);
  });
}

Secret base64_of(const Secret& secret) {
  auto text = base64(secret.bytes(Reveal{}));
  auto encoded = Secret::copy_of(text);
  wipe(text);
  return encoded;
}

Secret json_string(const Secret& secret) {
  const auto inner = encode(secret.text(Reveal{}), [](unsigned char c, auto put) {
    if (c == '"' || c == '\\') {
      put('\\');
      put(static_cast<char>(c));
    } else if (c < 0x20) {
      for (const char fixed : std::string_view("\\u00")) put(fixed);
      put(kSmallHexDigits[c >> 4U]);
      put(kSmallHexDigits[c & 15U]);
    } else {
      put(static_cast<char>(c));
    }
  });
  return Secret::join({"\"", inner.text(Reveal{}), "\""});
}

}  // namespace aivault::auth
