#include <algorithm>
#include <set>

#include "base/text.h"
#include "http/message.h"
#include "registry/auth_words.h"
#include "registry/check.h"
#include "registry/file_reader.h"
#include "registry/header_names.h"
#include "registry/secret_use.h"
#include "registry/template.h"

namespace aivault::registry {
namespace {

bool is_kind_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_secret_name(std::string_view name) {
  return !name.empty() && name[0] >= 'A' && name[0] <= 'Z' && std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

class AuthChecks {
 public:
  AuthChecks(ProviderFile& file, Problems& problems) : file_(file), problems_(problems) {}

  void run() {
    check_names();
    for (auto& kind : file_.kinds) {
      check_prefix(kind);
      check_secret_names(kind);
      if (!check_config(kind)) continue;
      auto spec = parse_auth(kind.config, AuthForm::file);
      if (!spec) {
        add(position_of(kind.config), "AUTH-1", spec.error().message);
        continue;
      }
      kind.spec = *std::move(spec);
      find_endpoint(kind);
      check_placeholders(kind);
    }
  }

 private:
  void add(Position at, std::string_view code, std::string text) {
    problems_.error(file_.file, at, code, std::move(text));
  }

  void check_names() {
    std::set<std::string_view> seen;
    for (const auto& kind : file_.kinds) {
      const std::string quoted = "auth kind '" + quote_for_message(kind.name.text) + "' ";
      if (!is_kind_name(kind.name.text)) {
        add(kind.name.at, "AUTH-2", quoted + "has an invalid name");
      } else if (kind.name.text == "ws" || kind.name.text == "group") {
        add(kind.name.at, "AUTH-2", quoted + "has a name that scoped ids use");
      } else if (!seen.insert(kind.name.text).second) {
        add(kind.name.at, "AUTH-2", quoted + "is named twice");
      }
    }
    const auto bases = std::ranges::count_if(file_.kinds, &KindEntry::base);
    if (bases != 1) {
      const auto at = file_.kinds.empty() ? file_.id.at : file_.kinds.front().at;
      add(at, "AUTH-2", "exactly one auth kind must be the base, not " + std::to_string(bases));
    }
  }

  void check_prefix(const KindEntry& kind) {
    const std::string_view prefix = kind.path_prefix.text;
    if (prefix.empty()) return;
    if (!prefix.starts_with('/') || prefix.find_first_of("?#%") != std::string_view::npos) {
      add(kind.path_prefix.at, "AUTH-6", "a path prefix begins with '/' and holds no ? # %");
    }
  }

  void check_secret_names(const KindEntry& kind) {
    if (kind.secrets.empty()) add(kind.at, "AUTH-3", "an auth kind needs a secret");
    for (const auto& secret : kind.secrets) {
      if (is_secret_name(secret.name.text)) continue;
      add(secret.name.at,
          "AUTH-3",
          "invalid secret name '" + quote_for_message(secret.name.text) + "'");
    }
  }

  // The faults that have a code of their own. False: one was found.
  bool check_config(const KindEntry& kind) {
    if (kind.config.is(json::Kind::string) && to_lower(trim(kind.config.text())) == "basic") {
      add(position_of(kind.config), "AUTH-7", "basic needs both templates");
      return false;
    }
    if (!kind.config.is(json::Kind::object) || kind.config.members().empty()) return true;
    const auto& [tag, fields, line, column] = kind.config.members().front();
    bool good = check_fields(fields);
    for (const auto& item : fields.items()) good = check_fields(item) && good;
    if (tag == "basic") good = check_basic(fields) && good;
    if (tag == "o_auth2") good = check_oauth(fields) && good;
    if (tag == "hmac" || tag == "jwt") good = check_algorithm(tag, fields) && good;
    return good;
  }

  bool check_fields(const json::Value& fields) {
    bool good = true;
    for (const auto& member : fields.members()) {
      if (!member.value.is(json::Kind::string)) continue;
      const std::string_view text = member.value.text();
      const Position at = position_of(member.value);
      if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos ||
          !placeholders_of(text)) {
        add(at, "AUTH-5", "a template holds no CR, LF or NUL and no unclosed or empty braces");
        good = false;
      } else if (member.key == "header_name" &&
                 (!http::is_token(text) || text != to_lower(text) || is_broker_header(text))) {
        add(at, "AUTH-4", "no header for an auth kind: '" + quote_for_message(text) + "'");
        good = false;
      } else if (member.key == "param_name" && trim(text).empty()) {
        add(at, "AUTH-6", "a query parameter needs a name");
        good = false;
      }
    }
    return good;
  }

  bool check_algorithm(std::string_view tag, const json::Value& fields) {
    const auto* algorithm = fields.find("algorithm");
    if (algorithm == nullptr) return true;
    const auto word = algorithm->text();
    if (tag == "hmac" ? find_hmac_algorithm(word).has_value()
                      : find_jwt_algorithm(word).has_value()) {
      return true;
    }
    add(position_of(*algorithm),
        "AUTH-8",
        "unknown " + std::string(tag) + " algorithm '" + quote_for_message(word) + "'");
    return false;
  }

  bool check_oauth(const json::Value& fields) {
    const auto text_of = [&](std::string_view key) {
      const auto* found = fields.find(key);
      return found != nullptr ? found->text() : std::string_view();
    };
    const auto refuse = [&](std::string_view key, std::string text) {
      const auto* found = fields.find(key);
      add(position_of(found != nullptr ? *found : fields), "AUTH-8", std::move(text));
      return false;
    };
    const auto grant = find_grant_type(text_of("grant_type"));
    if (!text_of("grant_type").empty() && !grant) {
      return refuse("grant_type",
                    "unknown grant '" + quote_for_message(text_of("grant_type")) + "'");
    }
    const auto client = find_client_auth(text_of("client_auth"));
    const bool needs_client =
        grant == GrantType::client_credentials || grant == GrantType::account_credentials;
    if (needs_client && client == ClientAuth::none) {
      return refuse("client_auth", "the grant needs a client that shows who it is");
    }
    if (text_of("endpoint").empty() || fields.find("token_endpoint") != nullptr) {
      return refuse("token_endpoint", "oauth2 names one of the token endpoints as 'endpoint'");
    }
    if (fields.find("default_ttl_s") != nullptr) {
      return refuse("default_ttl_s", "'default_ttl_s' is a field of the token endpoint");
    }
    const auto* scopes = fields.find("scopes");
    if (scopes == nullptr) return true;
    for (const auto& scope : scopes->items()) {
      if (!scope.text().empty() && scope.text().find_first_of(" \t") == std::string_view::npos) {
        continue;
      }
      add(position_of(scope), "AUTH-8", "a scope holds no blanks");
      return false;
    }
    return true;
  }

  // The name of the endpoint gives way to its URL.
  void find_endpoint(KindEntry& kind) {
    auto* oauth = std::get_if<OAuth2Auth>(&*kind.spec);
    if (oauth == nullptr) return;
    kind.endpoint = {oauth->token_endpoint, position_of(kind.config)};
    const auto found = std::ranges::find_if(
        file_.token_endpoints,
        [&](const TokenEndpointEntry& entry) { return entry.name.text == kind.endpoint.text; });
    if (found == file_.token_endpoints.end()) {
      add(kind.endpoint.at,
          "TOKEN-2",
          "unknown token endpoint '" + quote_for_message(kind.endpoint.text) + "'");
      return;
    }
    oauth->token_endpoint = found->token.text;
    oauth->default_ttl_s = found->default_ttl_s;
    for (const auto& [name, value] : found->extra) {
      oauth->extra_params.emplace_back(name.text, value.text);
    }
    std::ranges::sort(oauth->extra_params);
  }

  bool check_basic(const json::Value& fields) {
    const auto* username = fields.find("username_template");
    const auto* password = fields.find("password_template");
    const Position at = position_of(fields);
    if (username == nullptr || password == nullptr) {
      add(at, "AUTH-7", "basic needs both templates");
      return false;
    }
    if (username->text().find("{{") == std::string_view::npos &&
        password->text().find("{{") == std::string_view::npos) {
      add(at, "AUTH-7", "basic needs a placeholder in one of its templates");
      return false;
    }
    return true;
  }

  void check_placeholders(const KindEntry& kind) {
    const auto use = secret_use(*kind.spec);
    if (kind.secrets.size() == 1 && use.whole) return;  // A key, or JSON that has all fields.
    // Every secret is a field of the request, under the name that its placeholder is.
    const auto* oauth = std::get_if<OAuth2Auth>(&*kind.spec);
    if (oauth != nullptr && oauth->grant_type == GrantType::json_exchange) return;
    std::set<std::string> filled;
    for (const auto& secret : kind.secrets) {
      filled.insert(secret.placeholder.text);
      if (!use.needed.contains(secret.placeholder.text) &&
          !use.known.contains(secret.placeholder.text)) {
        add(secret.placeholder.at,
            "AUTH-3",
            "secret " + secret.name.text + " is used by no template");
      }
    }
    for (const auto& name : use.needed) {
      if (filled.contains(name)) continue;
      add(position_of(kind.config), "AUTH-3", "no secret fills the placeholder '" + name + "'");
    }
    if (std::holds_alternative<PathAuth>(*kind.spec) && kind.secrets.size() != 1) {
      add(kind.at, "AUTH-3", "a path kind has exactly one secret");
    }
  }

  ProviderFile& file_;
  Problems& problems_;
};

const KindEntry* find_kind(const ProviderFile& file, std::string_view name) {
  const auto found = std::ranges::find_if(
      file.kinds, [&](const KindEntry& kind) { return kind.name.text == name; });
  return found != file.kinds.end() ? &*found : nullptr;
}

}  // namespace

void check_auth(ProviderFile& file, Problems& problems) { AuthChecks(file, problems).run(); }

namespace {

// Of the capability's methods, those that the kind serves.
std::vector<std::string_view> served_methods(const KindEntry& kind,
                                             const CapabilityEntry& capability) {
  std::vector<std::string_view> served;
  for (const auto& rule : capability.allow) {
    for (const auto method : methods_of_rule(capability, rule)) {
      const bool fits = kind.methods.empty() || std::ranges::any_of(kind.methods, [&](auto& text) {
                          return text.text == method;
                        });
      if (fits) served.push_back(method);
    }
  }
  return served;
}

bool serve_one_call(const KindEntry& a, const KindEntry& b, const CapabilityEntry& capability) {
  if (a.methods.empty() && b.methods.empty()) return true;
  const auto theirs = served_methods(b, capability);
  return std::ranges::any_of(served_methods(a, capability), [&](std::string_view method) {
    return std::ranges::find(theirs, method) != theirs.end();
  });
}

void check_slots(const ProviderFile& file, Problems& problems) {
  for (const auto& kind : file.kinds) {
    for (const auto& slot : kind.slots) {
      if (file.find_slot(slot.text) != nullptr) continue;
      problems.error(file.file,
                     slot.at,
                     "AUTH-10",
                     "unknown slot '" + quote_for_message(slot.text) + "' of an auth kind");
    }
  }
}

}  // namespace

void check_serving(const ProviderFile& file, Problems& problems) {
  check_slots(file, problems);
  std::set<std::string_view> named;
  std::set<std::pair<const KindEntry*, const KindEntry*>> reported;
  for (const auto& capability : file.capabilities) {
    std::vector<const KindEntry*> serving;
    for (const auto& name : capability.kinds) {
      named.insert(name.text);
      const auto* kind = find_kind(file, name.text);
      if (kind == nullptr) {
        problems.error(file.file,
                       name.at,
                       "AUTH-10",
                       "unknown auth kind '" + quote_for_message(name.text) + "'");
      } else {
        serving.push_back(kind);
      }
    }
    if (capability.kinds.empty()) {
      for (const auto& kind : file.kinds) {
        const bool serves = !kind.named_only && kind.serves_slot(capability.slot.text) &&
                            (kind.methods.empty() || !served_methods(kind, capability).empty());
        if (serves) serving.push_back(&kind);
      }
      if (serving.empty()) {
        problems.error(file.file,
                       capability.at,
                       "AUTH-10",
                       "capability '" + capability.id.text + "' is served by no auth kind");
      }
    }
    for (std::size_t a = 0; a < serving.size(); ++a) {
      for (std::size_t b = a + 1; b < serving.size(); ++b) {
        if (serving[a]->priority != serving[b]->priority) continue;
        if (!serve_one_call(*serving[a], *serving[b], capability)) continue;
        if (!reported.emplace(serving[a], serving[b]).second) continue;
        problems.error(file.file,
                       serving[b]->at,
                       "AUTH-9",
                       "auth kinds '" + serving[a]->name.text + "' and '" + serving[b]->name.text +
                           "' serve the same call with the same priority");
      }
    }
  }
  for (const auto& kind : file.kinds) {
    if (!kind.named_only || named.contains(kind.name.text)) continue;
    problems.error(file.file,
                   kind.at,
                   "AUTH-10",
                   "no capability names the auth kind '" + kind.name.text + "'");
  }
}

std::vector<std::string> injected_by(const KindEntry& kind) {
  return kind.spec ? managed_headers(*kind.spec) : std::vector<std::string>();
}

void check_headers(const ProviderFile& file, Problems& problems) {
  std::set<std::string> seen;
  for (const auto& header : file.headers) {
    const std::string& name = header.name.text;
    const std::string quoted = "'" + quote_for_message(name) + "'";
    if (!http::is_token(name) || name != to_lower(name) || is_broker_header(name)) {
      problems.error(file.file, header.name.at, "HEAD-1", "no default header: " + quoted);
    } else if (is_credential_header(name)) {
      problems.error(
          file.file, header.name.at, "HEAD-1", "callers may not send the header " + quoted);
    } else if (!seen.insert(name).second) {
      problems.error(file.file, header.name.at, "HEAD-1", "header " + quoted + " is given twice");
    }
    const auto visible = [](char c) { return c >= ' ' && c <= '~'; };
    if (header.value.text.empty() || !std::ranges::all_of(header.value.text, visible)) {
      problems.error(
          file.file, header.value.at, "HEAD-1", "the value of " + quoted + " is not visible ASCII");
    }
    for (const auto& kind : file.kinds) {
      const auto injected = injected_by(kind);
      if (std::ranges::find(injected, name) == injected.end()) continue;
      problems.error(file.file,
                     header.name.at,
                     "HEAD-2",
                     "auth kind '" + kind.name.text + "' sets the header " + quoted);
    }
  }
  for (const auto& name : file.request_headers) {
    if (http::is_token(name.text) && name.text == to_lower(name.text) &&
        !is_broker_header(name.text) && !is_credential_header(name.text)) {
      continue;
    }
    problems.error(file.file,
                   name.at,
                   "HEAD-1",
                   "callers may not send the header '" + quote_for_message(name.text) + "'");
  }
}

}  // namespace aivault::registry
