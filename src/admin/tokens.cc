// Proxy tokens: minted by the operator, which the vault keeps, or by a caller for itself, which
// live in memory. A token is shown once.
#include <algorithm>
#include <chrono>

#include "admin/agent_shape.h"
#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/mint.h"
#include "admin/records.h"
#include "admin/shapes.h"
#include "admin/visibility.h"
#include "base/text.h"
#include "catalog/new_token.h"
#include "policy/grant.h"

namespace aivault::admin {
namespace {

using catalog::Token;
using json::Value;
using std::chrono::milliseconds;

constexpr std::int64_t kDay = std::int64_t{24} * 3600 * 1000;
constexpr std::int64_t kYear = 365 * kDay;
constexpr std::size_t kMaxContextKeys = 16;
constexpr std::size_t kMaxContextKey = 64;     // Bytes.
constexpr std::size_t kMaxContextValue = 256;  // Bytes.
constexpr std::int64_t kMaxUid = 4294967294;

UnixMs wall_clock() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

tl::unexpected<Error> bad_request(std::string sentence) {
  return invalid_request("token_request", std::move(sentence));
}

Result<milliseconds> ttl_in(const Body& body, std::int64_t longest) {
  TRY_ASSIGN(const auto ttl, body.integer("ttlMs"));
  if (!ttl) return bad_request("ttlMs is required");
  if (*ttl <= 0) return bad_request("ttlMs must be positive");
  if (*ttl > longest) return bad_request("ttlMs exceeds the maximum");
  return milliseconds(*ttl);
}

Result<std::vector<std::string>> patterns_in(const Body& body) {
  TRY_ASSIGN(auto patterns, body.texts("capabilities"));
  if (patterns.size() > policy::kMaxPatterns) return bad_request("at most 1000 capabilities");
  for (auto& pattern : patterns) {
    TRY_ASSIGN(pattern, policy::check_pattern(pattern));
  }
  return patterns;
}

Result<std::map<std::string, std::string>> context_in(const Body& body) {
  TRY_ASSIGN(const auto pairs, body.pairs("context"));
  if (pairs.size() > kMaxContextKeys) return bad_request("'context' has more than 16 keys");
  std::map<std::string, std::string> context;
  for (const auto& [key, value] : pairs) {
    const bool fits = !key.empty() && key.size() <= kMaxContextKey && !has_control(key) &&
                      value.size() <= kMaxContextValue && !has_control(value);
    if (!fits) {
      return bad_request(
          "'context' must hold keys of 64 and values of 256 bytes without control "
          "characters");
    }
    context.emplace(key, value);
  }
  const auto text = [&context](const char* key) {
    const auto found = context.find(key);
    return found == context.end() ? std::string() : found->second;
  };
  TRY(vault::make_context(text("workspaceId"), text("groupId")));
  return context;
}

tl::unexpected<Error> unknown_credential(const std::string& id) {
  return fail(ErrorCode::credential_not_found,
              "unknown_credential",
              "credential not found: '" + quote_for_message(id) + "'");
}

// At most one of each provider.
Result<std::vector<catalog::Pin>> pins_in(const Body& body, const catalog::Snapshot& snapshot) {
  std::vector<catalog::Pin> pins;
  TRY_ASSIGN(const auto ids, body.texts("credentials"));
  for (const auto& text : ids) {
    const std::string id(trim(text));
    const auto* credential = snapshot.find_credential(id);
    if (credential == nullptr || credential->provider.empty()) return unknown_credential(id);
    if (std::ranges::find(pins, credential->provider, &catalog::Pin::provider) != pins.end()) {
      return bad_request("more than one credential of provider '" + credential->provider + "'");
    }
    pins.push_back({credential->provider, id});
  }
  return pins;
}

Result<void> check_fits(const catalog::Credential& credential,
                        const std::string& pattern,
                        const catalog::Snapshot& snapshot) {
  std::string_view provider = std::string_view(pattern).substr(0, pattern.find('/'));
  if (!pattern.ends_with('*')) {
    const auto* capability = snapshot.find_capability(pattern);
    if (capability == nullptr) {
      return fail(ErrorCode::capability_not_found,
                  "unknown_capability",
                  "capability not found: '" + quote_for_message(pattern) + "'");
    }
    provider = capability->provider;
    const auto& list = credential.capability_list;
    if (!list.empty() && std::ranges::find(list, capability->id) == list.end()) {
      return policy_violation("credential_scope", "credential is not scoped to this capability");
    }
  }
  if (provider == credential.provider) return {};
  return policy_violation("provider_mismatch",
                          "capability provider does not match credential provider");
}

Result<void> choose_credential(const Body& body, const catalog::Snapshot& snapshot, Token& token) {
  TRY_ASSIGN(token.credential, body.text_or_empty("credential"));
  TRY_ASSIGN(token.credentials, pins_in(body, snapshot));
  if (token.credential.empty()) return {};
  if (!token.credentials.empty()) {
    return bad_request("give either 'credential' or 'credentials'");
  }
  const auto* credential = snapshot.find_credential(token.credential);
  if (credential == nullptr || credential->provider.empty()) {
    return unknown_credential(token.credential);
  }
  for (const auto& pattern : token.capabilities) TRY(check_fits(*credential, pattern, snapshot));
  return {};
}

// The uid of its agent is that of the token, which no other can then use.
Result<void> bind(const Body& body, const catalog::Access& access, Token& token) {
  TRY_ASSIGN(token.uid, body.integer("uid"));
  if (token.uid && (*token.uid < 0 || *token.uid > kMaxUid)) {
    return bad_request("'uid' must be that of a user");
  }
  TRY_ASSIGN(const auto name, body.text_or_empty("agent"));
  if (name.empty()) return {};
  const auto* agent = access.find_agent(name);
  if (agent == nullptr) return not_found("agent '" + quote_for_message(name) + "' not found");
  if (agent->uid && token.uid && *agent->uid != *token.uid) {
    return bad_request("'uid' is not that of the agent's user");
  }
  token.agent = agent->id;
  if (agent->uid) token.uid = agent->uid;
  if (body.has("capabilities")) return {};
  // Without a list it may do what its agent may.
  token.capabilities = {"*"};
  std::ranges::copy_if(agent->capabilities,
                       std::back_inserter(token.capabilities),
                       [](const std::string& pattern) { return !pattern.ends_with('*'); });
  return {};
}

audit::Event mint_event(const Request& request, const Token& token) {
  auto event = catalog::event_of(who(request), "token.mint");
  event.token_id = token.id;
  if (token.agent) event.agent = vault::name_of_agent(*token.agent);
  event.credential = token.credential;
  event.workspace_id = token.context_value("workspaceId");
  event.group_id = token.context_value("groupId");
  event.note = catalog::to_row(token, "").body + " expires " +
               std::to_string(to_int(token.expires_at)) + (token.hold ? " held" : "");
  return event;
}

// The value goes into the answer where the placeholder stands, and nowhere else.
Answer shown_once(const Token& token, Secret value) {
  auto answer = changed(shape(Value::object(
      {{"tokenId", token.id},
       {"token", kTokenPlace},
       {"expiresAtMs", to_int(token.expires_at)},
       {"capabilities", texts(token.capabilities)},
       {"credential", token.credential.empty() ? Value() : Value(token.credential)}})));
  answer.token = std::make_shared<const Secret>(std::move(value));
  return answer;
}

// What is not recorded is not given.
Result<void> keep_in_memory(Desk& desk,
                            vault::Vault& vault,
                            const Request& request,
                            std::string hash,
                            milliseconds ttl,
                            Token& token) {
  token.self_minted = true;
  token.created_at = wall_clock();
  token.expires_at = token.created_at + ttl;
  auto& minted = desk.catalog.minted();
  auto recorded = vault.change([&](vault::Change& change) -> Result<void> {
    TRY(minted.add(std::move(hash), token, token.created_at));
    change.record(mint_event(request, token));
    return {};
  });
  if (!recorded) minted.revoke(token.id, token.uid, token.created_at);
  return recorded;
}

// Ended a day ago: it need not be told from an unknown one any more.
Result<void> remove_old(vault::Change& change) {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto rows, change.tokens(damaged));
  for (const auto& row : rows) {
    const auto ended = std::min(row.expires_at, row.revoked_at.value_or(row.expires_at));
    if (ended + milliseconds(kDay) <= change.now()) TRY(change.remove_token(row.id));
  }
  return {};
}

bool is_foreign(const Request& request) { return request.token != nullptr || request.actor.remote; }

tl::unexpected<Error> operators_only() {
  return fail(ErrorCode::operator_auth_required, "", "operator token required");
}

// Whose tokens the asker sees: all of them, or those it minted.
std::optional<std::int64_t> whose(const Request& request) {
  return request.actor.is_operator ? std::nullopt : std::optional(request.actor.uid);
}

Result<void> revoke_stored(vault::Vault& vault,
                           const Request& request,
                           const std::string& id,
                           bool& found) {
  return vault.change([&](vault::Change& change) -> Result<void> {
    std::vector<vault::Problem> damaged;
    TRY_ASSIGN(auto rows, change.tokens(damaged));
    const auto row = std::ranges::find(rows, id, &vault::TokenRow::id);
    auto event = catalog::event_of(who(request), "token.revoke");
    event.token_id = id;
    if (row == rows.end()) {
      TRY_ASSIGN(found, change.remove_token(id));
      event.note = "its row had failed the integrity check";
    } else {
      found = !row->revoked_at;
      row->revoked_at = row->revoked_at.value_or(change.now());
      TRY(change.put(*row));
      if (row->agent) event.agent = vault::name_of_agent(*row->agent);
    }
    change.record(std::move(event));
    return {};
  });
}

}  // namespace

Result<Answer> mint_token(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request,
                        {"capabilities",
                         "credential",
                         "credentials",
                         "ttlMs",
                         "context",
                         "agent",
                         "uid",
                         "hold"}));
  TRY_ASSIGN(const auto open, open_vault(desk));
  Token token;
  TRY_ASSIGN(token.capabilities, patterns_in(body));
  TRY(bind(body, open.snapshot->access(), token));
  TRY_ASSIGN(const auto ttl, ttl_in(body, token.agent ? kYear : kDay));
  TRY(choose_credential(body, *open.snapshot, token));
  TRY_ASSIGN(token.context, context_in(body));
  TRY_ASSIGN(token.hold, body.flag("hold"));
  token.id = catalog::new_token_id();
  auto value = catalog::new_token_value();
  TRY_ASSIGN(auto hash, open.vault->token_hash(value));
  if (token.hold) {
    // For what the operator itself runs, as that agent.
    token.uid = request.actor.uid;
    TRY(keep_in_memory(desk, *open.vault, request, std::move(hash), ttl, token));
    return shown_once(token, std::move(value));
  }
  TRY(open.vault->change([&](vault::Change& change) -> Result<void> {
    TRY(remove_old(change));
    token.created_at = change.now();
    token.expires_at = token.created_at + ttl;
    TRY(change.put(catalog::to_row(token, std::move(hash))));
    change.record(mint_event(request, token));
    return {};
  }));
  return shown_once(token, std::move(value));
}

Result<Answer> mint_own_token(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request, {"capabilities", "credentials", "ttlMs", "hold", "context"}));
  TRY_ASSIGN(const auto authority, authority_of(desk, request));
  TRY_ASSIGN(const auto vault, desk.slot.get());
  Token token;
  TRY_ASSIGN(token.capabilities, patterns_in(body));
  for (const auto& pattern : token.capabilities) {
    if (!authority.holds(pattern)) {
      return policy_violation("agent_not_granted", "agent is not granted this capability");
    }
  }
  TRY_ASSIGN(const auto ttl, ttl_in(body, kDay));
  TRY_ASSIGN(token.credentials, pins_in(body, *authority.snapshot()));
  for (const auto& pin : token.credentials) {
    TRY(authority.check_credential(pin.credential, pin.provider));
  }
  TRY_ASSIGN(token.context, context_in(body));
  TRY(authority.context(token.context_value("workspaceId"), token.context_value("groupId")));
  TRY_ASSIGN(token.hold, body.flag("hold"));
  token.id = catalog::new_token_id();
  token.uid = request.actor.uid;
  if (const auto* agent = authority.agent()) token.agent = agent->id;
  auto value = catalog::new_token_value();
  TRY_ASSIGN(auto hash, vault->token_hash(value));
  TRY(keep_in_memory(desk, *vault, request, std::move(hash), ttl, token));
  return shown_once(token, std::move(value));
}

Result<Answer> list_tokens(Desk& desk, const Request& request) {
  if (is_foreign(request)) return operators_only();
  TRY_ASSIGN(const auto open, open_vault(desk));
  const auto& minted = desk.catalog.minted();
  const auto now = wall_clock();
  Value items = Value::array();
  if (request.actor.is_operator) {
    for (const auto& token : open.snapshot->access().tokens()) {
      if (!token->revoked_at && token->expires_at > now) items.push(to_json(*token, minted));
    }
  }
  for (const auto& token : minted.list(whose(request), now)) items.push(to_json(*token, minted));
  return shape(list_of(std::move(items), Value()));
}

Result<Answer> revoke_token(Desk& desk, const Request& request) {
  if (is_foreign(request)) return operators_only();
  const std::string id(trim(request.ids.front()));
  TRY_ASSIGN(const auto open, open_vault(desk));
  bool found = desk.catalog.minted().revoke(id, whose(request), wall_clock());
  if (found) {
    TRY(open.vault->change([&](vault::Change& change) -> Result<void> {
      auto event = catalog::event_of(who(request), "token.revoke");
      event.token_id = id;
      change.record(std::move(event));
      return {};
    }));
  } else if (request.actor.is_operator) {
    TRY(revoke_stored(*open.vault, request, id, found));
  }
  if (!found) return not_found("token '" + quote_for_message(id) + "' not found");
  return changed(ad_hoc(Value::object({{"removed", true}, {"tokenId", id}})));
}

}  // namespace aivault::admin
