// Definition: what the registry says about providers and capabilities, as views into
// constant tables (compiled in) or into the owner of an operator-defined record.
// Thread: any; views live as long as the tables (forever) or the catalog snapshot that owns them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace aivault::registry {

enum class CallClass : std::uint8_t { read, write, destructive };
std::string_view to_string(CallClass value);

// pattern: the grammar of registry files; prefix: a plain prefix of an operator-defined capability.
enum class PathForm : std::uint8_t { pattern, prefix };

struct Rule {
  std::span<const std::string_view> methods;  // Upper case; "WS" is a WebSocket upgrade.
  std::span<const std::string_view> paths;
};

struct ClassRule {
  CallClass value;
  std::span<const std::string_view> methods;  // Empty: every method.
  std::span<const std::string_view> paths;
};

struct Example {
  std::string_view method, path, query, body;
};

struct Capability {
  std::string_view id;  // "openai/chat-completions"
  std::string_view provider;
  std::string_view summary;
  CallClass declared = CallClass::write;
  PathForm form = PathForm::pattern;
  std::span<const std::string_view> hosts;  // Patterns of its slot; exactly one exact host if own.
  std::span<const Rule> allow;
  std::span<const std::string_view> except;
  std::span<const ClassRule> classes;
  std::span<const std::string_view> never;  // Of the provider.
  std::span<const std::string_view>
      kinds;  // Auth kinds that may serve it; empty: any not named_only.
  bool emits = false, is_explicit = false, nested = false, wide = false;
  bool websocket = false, streaming = false, range = false;
  bool graphql = false;  // The body of a POST decides its class; unread it is destructive.
  Example example;
};

struct DefaultHeader {
  std::string_view name, value;
  bool override_by_caller = true;
};

struct SecretClaim {
  std::string_view name;         // "OPENAI_API_KEY"
  std::string_view placeholder;  // "secret"
  bool is_public = false;        // The value need not be scrubbed (user name, SID).
  bool required = true;          // false: used where it is there (a session token).
};

// Where tokens of a provider come from; URLs may hold {param}, {{host}} and {{tenantId}}.
struct TokenEndpoint {
  struct Field {
    std::string_view name, value;
  };
  std::string_view name;
  std::string_view token, authorize, device;  // https URLs; authorize and device may be empty.
  std::span<const Field> extra;               // Fixed fields of token and login requests.
  bool pkce = true;
  bool rotates = false;      // Each refresh brings a new refresh token.
  int default_ttl_s = 3600;  // Where an answer does not say.
};

struct AuthKind {
  std::string_view name;
  bool base = false, named_only = false;
  int priority = 0;
  std::span<const SecretClaim> secrets;
  std::string_view word;                      // "header", "oauth2", ...
  std::string_view config;                    // The auth config as JSON, in its stored form.
  std::string_view endpoint;                  // oauth2: the name of its token endpoint.
  std::string_view path_prefix;               // Applied upstream, after the decision.
  std::span<const std::string_view> methods;  // Serves only these; empty: all.
};

// A value that is not secret and that the operator binds: "{sub}" in hosts and headers.
struct Param {
  std::string_view name, label, chars;
  bool required = true;
  std::string_view example;
};

struct Slot {
  std::string_view name;
  std::span<const std::string_view> hosts;  // Patterns; the first exact one is the default.
};

// Variables that point an unmodified SDK at this vault.
struct SdkVariable {
  std::string_view base_url;  // "OPENAI_BASE_URL"
  std::string_view suffix;    // "/v1": goes behind our base URL.
  std::string_view token;     // "OPENAI_API_KEY"
};

struct Provider {
  std::string_view id, name, category, docs;
  std::span<const Slot> slots;
  std::span<const TokenEndpoint> token_endpoints;
  std::span<const AuthKind> kinds;
  std::span<const DefaultHeader> headers;
  std::span<const std::string_view> never;
  std::span<const Capability> capabilities;  // Sorted by id.
  std::string_view setup_url;
  std::span<const std::string_view> setup_steps;
  std::string_view looks_like;  // Beginning of a genuine secret; for a warning only.
  // Headers that callers may send here although they are refused elsewhere.
  std::span<const std::string_view> request_headers;
  // Query parameters that the vendor takes as credentials: refused from callers.
  std::span<const std::string_view> managed_parameters;
  std::span<const Param> params;
  std::span<const SdkVariable> sdk;
};

// A secret name and who may use a secret of that name: the provider that claims it, or the members
// of a family that take it.
struct Claim {
  std::string_view secret;  // "OPENAI_API_KEY"
  std::string_view pin;     // "openai", "family:google": what a secret of this name is pinned to.
  std::span<const Provider* const> providers;  // Those with a kind of it; at least one, sorted.
};

// Providers of one vendor that accept each other's shared secrets.
struct Family {
  std::string_view name;                      // "google"
  std::span<const std::string_view> members;  // Provider ids, sorted.
};

struct Alias {
  std::string_view id, target;
};

struct Retired {
  std::string_view id, reason, release;
  std::span<const std::string_view> successors;
};

}  // namespace aivault::registry
