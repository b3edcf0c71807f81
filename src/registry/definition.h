// Definition: what the registry says about providers and capabilities, as views into
// constant tables (compiled in) or into the owner of an operator-defined record.
// Thread: any; views live as long as the tables (forever) or the catalog snapshot that owns them.
#pragma once

#include <cstdint>
#include <string_view>

#include "registry/view.h"

namespace aivault::registry {

enum class CallClass : std::uint8_t { read, write, destructive };
std::string_view to_string(CallClass value);

// pattern: the grammar of registry files; prefix: a plain prefix of an operator-defined capability.
enum class PathForm : std::uint8_t { pattern, prefix };

struct Rule {
  ListView<TextView> methods;  // Upper case; "WS" is a WebSocket upgrade.
  ListView<TextView> paths;
};

struct ClassRule {
  CallClass value;
  ListView<TextView> methods;  // Empty: every method.
  ListView<TextView> paths;
};

struct Example {
  TextView method, path, query, body;
};

struct Capability {
  TextView id;  // "openai/chat-completions"
  TextView provider;
  TextView summary;
  CallClass declared = CallClass::write;
  PathForm form = PathForm::pattern;
  ListView<TextView> hosts;  // Patterns of its slot; exactly one exact host if own.
  ListView<Rule> allow;
  ListView<TextView> except;
  ListView<ClassRule> classes;
  ListView<TextView> never;  // Of the provider.
  ListView<TextView> kinds;  // Auth kinds that may serve it; empty: any not named_only.
  bool emits = false, is_explicit = false, nested = false, wide = false;
  bool websocket = false, streaming = false, range = false;
  bool graphql = false;  // The body of a POST decides its class; unread it is destructive.
  Example example;
};

struct DefaultHeader {
  TextView name, value;
  bool override_by_caller = true;
};

struct SecretClaim {
  TextView name;           // "OPENAI_API_KEY"
  TextView placeholder;    // "secret"
  bool is_public = false;  // The value need not be scrubbed (user name, SID).
  bool required = true;    // false: used where it is there (a session token).
};

// Where tokens of a provider come from; URLs may hold {param}, {{host}} and {{tenantId}}.
struct TokenEndpoint {
  struct Field {
    TextView name, value;
  };
  TextView name;
  TextView token, authorize, device;  // https URLs; authorize and device may be empty.
  ListView<Field> extra;              // Fixed fields of token and login requests.
  bool pkce = true;
  bool rotates = false;      // Each refresh brings a new refresh token.
  int default_ttl_s = 3600;  // Where an answer does not say.
};

struct AuthKind {
  TextView name;
  bool base = false, named_only = false;
  int priority = 0;
  ListView<SecretClaim> secrets;
  TextView word;               // "header", "oauth2", ...
  TextView config;             // The auth config as JSON, in its stored form.
  TextView endpoint;           // oauth2: the name of its token endpoint.
  TextView path_prefix;        // Applied upstream, after the decision.
  ListView<TextView> methods;  // Serves only these; empty: all.
};

// A value that is not secret and that the operator binds: "{sub}" in hosts and headers.
struct Param {
  TextView name, label, chars;
  bool required = true;
  TextView example;
};

struct Slot {
  TextView name;
  ListView<TextView> hosts;  // Patterns; the first exact one is the default.
};

// Variables that point an unmodified SDK at this vault.
struct SdkVariable {
  TextView base_url;  // "OPENAI_BASE_URL"
  TextView suffix;    // "/v1": goes behind our base URL.
  TextView token;     // "OPENAI_API_KEY"
};

struct Provider {
  TextView id, name, category, docs;
  ListView<Slot> slots;
  ListView<TokenEndpoint> token_endpoints;
  ListView<AuthKind> kinds;
  ListView<DefaultHeader> headers;
  ListView<TextView> never;
  ListView<Capability> capabilities;  // Sorted by id.
  TextView setup_url;
  ListView<TextView> setup_steps;
  TextView looks_like;  // Beginning of a genuine secret; for a warning only.
  // Headers that callers may send here although they are refused elsewhere.
  ListView<TextView> request_headers;
  // Query parameters that the vendor takes as credentials: refused from callers.
  ListView<TextView> managed_parameters;
  ListView<Param> params;
  ListView<SdkVariable> sdk;
};

// A secret name and who may use a secret of that name: the provider that claims it, or the members
// of a family that take it.
struct Claim {
  TextView secret;  // "OPENAI_API_KEY"
  TextView pin;     // "openai", "family:google": what a secret of this name is pinned to.
  ListView<Ref<Provider>> providers;  // Those with a kind of it; at least one, sorted.
};

// Providers of one vendor that accept each other's shared secrets.
struct Family {
  TextView name;               // "google"
  ListView<TextView> members;  // Provider ids, sorted.
};

struct Alias {
  TextView id, target;
};

struct Retired {
  TextView id, reason, release;
  ListView<TextView> successors;
};

}  // namespace aivault::registry
