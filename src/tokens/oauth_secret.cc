#include "tokens/oauth_secret.h"

#include <array>
#include <span>

#include "base/reveal.h"
#include "base/text.h"
#include "json/parse.h"
#include "json/parts.h"
#include "tokens/expiry.h"

namespace aivault::tokens {
namespace {

// The first is the name for a new key.
constexpr std::array<std::string_view, 2> kAccess = {"accessToken", "access_token"};
constexpr std::array<std::string_view, 2> kRefresh = {"refreshToken", "refresh_token"};
constexpr std::array<std::string_view, 2> kClientId = {"clientId", "client_id"};
constexpr std::array<std::string_view, 2> kClientSecret = {"clientSecret", "client_secret"};
constexpr std::array<std::string_view, 2> kTenant = {"tenantId", "tenant_id"};
constexpr std::array<std::string_view, 2> kEndpoint = {"tokenEndpoint", "token_endpoint"};
constexpr std::array<std::string_view, 2> kObtained = {"accessTokenObtainedAtMs",
                                                       "access_token_obtained_at_ms"};
constexpr std::array<std::string_view, 8> kExpires = {"accessTokenExpiresAtMs",
                                                      "access_token_expires_at_ms",
                                                      "expires",
                                                      "expires_at",
                                                      "expiresAt",
                                                      "expiresMs",
                                                      "expires_ms",
                                                      "expiry"};

// Null means absent.
const json::Value* find(const json::Value& document, std::string_view name) {
  const auto* value = document.find(name);
  return value == nullptr || value->is(json::Kind::null) ? nullptr : value;
}

std::string_view spelling_in(const json::Value& document, std::span<const std::string_view> names) {
  for (const auto name : names) {
    if (find(document, name) != nullptr) return name;
  }
  for (const auto name : names) {
    if (document.find(name) != nullptr) return name;  // A null gives way.
  }
  return names.front();
}

std::optional<UnixMs> moment(const json::Value& document, std::span<const std::string_view> names) {
  const auto* value = find(document, spelling_in(document, names));
  return value == nullptr ? std::nullopt : parse_expiry(*value);
}

// The document with some members replaced, as pieces.
class Rewriting {
 public:
  explicit Rewriting(const json::Value& document) : document_(document) {}

  void set(std::string_view name, std::vector<std::string_view> value) {
    changes_.push_back({name, std::move(value)});
  }
  Secret joined() const {
    std::vector<std::string_view> out;
    out.emplace_back("{");
    for (const auto& member : document_.members()) {
      begin(member.key, out);
      if (const auto* change = change_of(member.key)) {
        out.insert(out.end(), change->value.begin(), change->value.end());
      } else {
        json::append_parts(member.value, out);
      }
    }
    for (const auto& change : changes_) {
      if (document_.find(change.name) != nullptr) continue;
      begin(change.name, out);
      out.insert(out.end(), change.value.begin(), change.value.end());
    }
    out.emplace_back("}");
    return Secret::join(out);
  }

 private:
  struct Entry {
    std::string_view name;
    std::vector<std::string_view> value;
  };
  static void begin(std::string_view name, std::vector<std::string_view>& out) {
    if (out.size() > 1) out.emplace_back(",");
    json::append_quoted(name, out);
    out.emplace_back(":");
  }
  const Entry* change_of(std::string_view name) const {
    for (const auto& change : changes_) {
      if (change.name == name) return &change;
    }
    return nullptr;
  }

  const json::Value& document_;
  std::vector<Entry> changes_;
};

std::vector<std::string_view> parts_of(const json::Value& value) {
  std::vector<std::string_view> parts;
  json::append_parts(value, parts);
  return parts;
}

std::vector<std::string_view> quoted(std::string_view text) {
  std::vector<std::string_view> parts;
  json::append_quoted(text, parts);
  return parts;
}

}  // namespace

Result<OAuthSecret> OAuthSecret::parse(const Secret& secret) {
  OAuthSecret parsed;
  parsed.memory_ = std::make_unique<json::WipingMemory>();
  auto document =
      json::parse(secret.text(Reveal()), {}, json::Positions::none, parsed.memory_.get());
  if (!document || !document->is(json::Kind::object)) {
    return vault_unavailable("secret_malformed", "oauth2 secret must be JSON with clientId");
  }
  parsed.document_ = std::make_unique<json::Value>(*std::move(document));
  return parsed;
}

std::optional<std::string_view> OAuthSecret::text(std::string_view camel,
                                                  std::string_view snake) const {
  for (const auto name : {camel, snake}) {
    const auto* value = find(*document_, name);
    if (value == nullptr || !value->is(json::Kind::string)) continue;
    const auto text = trim(value->text());
    if (!text.empty()) return text;
  }
  return std::nullopt;
}

std::optional<UnixMs> OAuthSecret::expires() const { return moment(*document_, kExpires); }
std::optional<UnixMs> OAuthSecret::obtained() const { return moment(*document_, kObtained); }

Secret OAuthSecret::with(const NewTokens& tokens) const {
  const auto expiry_name = spelling_in(*document_, kExpires);
  const auto obtained_name = spelling_in(*document_, kObtained);
  const auto expiry = print_expiry(tokens.expires, find(*document_, expiry_name));
  const auto obtained = print_expiry(tokens.obtained, find(*document_, obtained_name));
  Rewriting rewriting(*document_);
  rewriting.set(spelling_in(*document_, kAccess), quoted(tokens.access.text(Reveal())));
  rewriting.set(expiry_name, parts_of(expiry));
  rewriting.set(obtained_name, parts_of(obtained));
  if (!tokens.refresh.empty()) {
    rewriting.set(spelling_in(*document_, kRefresh), quoted(tokens.refresh.text(Reveal())));
  }
  return rewriting.joined();
}

Secret OAuthSecret::fields_with(const Secret& access) const {
  Rewriting rewriting(*document_);
  for (const auto name : kAccess) rewriting.set(name, quoted(access.text(Reveal())));
  return rewriting.joined();
}

Secret OAuthSecret::with_client(std::string_view id,
                                const Secret& client_secret,
                                std::string_view token_endpoint,
                                std::string_view tenant_id) const {
  Rewriting rewriting(*document_);
  rewriting.set(spelling_in(*document_, kClientId), quoted(id));
  const auto secret_name = spelling_in(*document_, kClientSecret);
  if (!client_secret.empty()) {
    rewriting.set(secret_name, quoted(client_secret.text(Reveal())));
  } else if (client_id() != id && find(*document_, secret_name) != nullptr) {
    rewriting.set(secret_name, quoted(""));
  }
  if (!token_endpoint.empty()) {
    rewriting.set(spelling_in(*document_, kEndpoint), quoted(token_endpoint));
  }
  if (!tenant_id.empty()) rewriting.set(spelling_in(*document_, kTenant), quoted(tenant_id));
  return rewriting.joined();
}

}  // namespace aivault::tokens
