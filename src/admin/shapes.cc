#include "admin/shapes.h"

#include <algorithm>

#include "base/text.h"

namespace aivault::admin {
namespace {

using json::Value;
using Level = Answer::Notice::Level;

constexpr std::string_view kRefPrefix = "vault:secret:";

Value millis(const std::optional<UnixMs>& time) { return time ? Value(to_int(*time)) : Value(); }

Value scope_shape(const vault::Scope& scope) {
  using Kind = vault::Scope::Kind;
  switch (scope.kind) {
    case Kind::global: return "global";
    case Kind::workspace:
      return Value::object({{"workspace", Value::object({{"workspace_id", scope.workspace}})}});
    case Kind::group: break;
  }
  return Value::object(
      {{"group", Value::object({{"workspace_id", scope.workspace}, {"group_id", scope.group}})}});
}

std::string enabled_capabilities(std::size_t count) {
  return " (" + std::to_string(count) + (count == 1 ? " capability" : " capabilities") +
         " enabled)";
}

std::string text_of_step(const catalog::Step& step) {
  using Kind = catalog::Step::Kind;
  switch (step.kind) {
    case Kind::provisioned:
      return "Credential auto-provisioned: " + step.credential +
             enabled_capabilities(step.capabilities);
    case Kind::reconciled:
      return "Credential auto-reconciled: " + step.credential +
             enabled_capabilities(step.capabilities);
    case Kind::stays_disabled:
      return "Credential stays disabled: " + step.credential + " (aivault credential enable " +
             step.credential + ")";
    case Kind::waiting: {
      std::string names;
      for (const auto& name : step.missing) names += (names.empty() ? "" : ", ") + name;
      return "Waiting for " + names + " to complete " + step.provider + " credential";
    }
    case Kind::removed: return "Credential removed: " + step.credential;
    case Kind::taken: break;
  }
  return "Credential not auto-provisioned: " + step.credential + " was made by the operator";
}

}  // namespace

Value to_json(const vault::SecretRecord& secret) {
  Value groups = Value::array();
  for (const auto& attachment : secret.attached) {
    groups.push(
        Value::object({{"workspaceId", attachment.workspace}, {"groupId", attachment.group}}));
  }
  Value result = Value::object({{"secretId", secret.id.str()},
                                {"name", secret.name},
                                {"aliases", texts(secret.aliases)},
                                {"scope", scope_shape(secret.scope)},
                                {"systemManaged", secret.system_managed}});
  if (secret.pinned_provider) result.set("pinnedProvider", *secret.pinned_provider);
  result.set("createdAtMs", to_int(secret.created_at))
      .set("updatedAtMs", to_int(secret.updated_at))
      .set("lastUsedAtMs", millis(secret.last_used_at))
      .set("revokedAtMs", millis(secret.revoked_at))
      .set("valueVersion", secret.value_version)
      .set("attachedGroups", std::move(groups));
  if (secret.expires_at) result.set("expiresAtMs", to_int(*secret.expires_at));
  if (secret.rotate_every_days) result.set("rotateEveryDays", *secret.rotate_every_days);
  return result;
}

Value to_json(const vault::Status& status) {
  return Value::object({{"enabled", status.enabled},
                        {"providerType", status.provider_type},
                        {"locked", status.locked},
                        {"kekId", status.kek_id}});
}

Value texts(const std::vector<std::string>& list) {
  Value array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

Value list_of(Value items, Value next, const std::vector<vault::Problem>& damaged) {
  auto list = Value::object({{"items", std::move(items)}, {"next", std::move(next)}});
  add_warnings(list, damaged);
  return list;
}

void add_warnings(Value& object, const std::vector<vault::Problem>& damaged) {
  if (damaged.empty()) return;
  Value warnings = Value::array();
  for (const auto& problem : damaged) warnings.push(problem.message);
  object.set("warnings", std::move(warnings));
}

Answer shape(Value result) {
  Answer answer;
  answer.result = std::move(result);
  return answer;
}

Answer ad_hoc(Value result) {
  auto answer = shape(std::move(result));
  answer.form = Answer::Form::ad_hoc;
  return answer;
}

Answer changed(Answer answer, std::vector<Answer::Notice> notices) {
  answer.is_change = true;
  answer.notices = std::move(notices);
  return answer;
}

Answer::Notice notice(std::string text) { return {Level::notice, std::move(text)}; }
Answer::Notice warning(std::string text) { return {Level::warning, std::move(text)}; }

std::vector<Answer::Notice> notices_of(const std::vector<catalog::Step>& steps) {
  std::vector<Answer::Notice> notices;
  for (const auto& step : steps) notices.push_back(notice(text_of_step(step)));
  return notices;
}

audit::Event who(const Request& request) {
  const auto& actor = request.actor;
  audit::Event event;
  event.actor = actor.is_operator ? "operator" : "caller";
  if (actor.uid >= 0) event.uid = actor.uid;
  event.user = actor.user;
  if (actor.pid > 0) event.pid = actor.pid;
  event.exe = actor.exe;
  event.unit = actor.unit;
  event.request_id = actor.request_id;
  return event;
}

tl::unexpected<Error> not_found(std::string sentence) {
  return invalid_request("not_found", std::move(sentence));
}

tl::unexpected<Error> already_exists(std::string sentence) {
  return invalid_request("exists", std::move(sentence));
}

bool is_damaged_row(const Error& error) {
  return error.code == ErrorCode::vault_unavailable && error.reason == "row_integrity";
}

Result<OpenVault> open_vault(Desk& desk) {
  OpenVault open;
  TRY_ASSIGN(open.vault, desk.slot.get_or_create());
  TRY_ASSIGN(open.snapshot, desk.catalog.current(*open.vault));
  return open;
}

std::string database_path(const vault::Vault& vault) { return vault.root() + "/vault.db"; }

std::optional<SecretId> parse_secret_id(std::string_view text) {
  text = trim(text);
  if (text.starts_with(kRefPrefix)) text.remove_prefix(kRefPrefix.size());
  if (text.size() != 36) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !digit) return std::nullopt;
  }
  return SecretId(to_lower(text));
}

std::optional<SecretId> parse_secret_ref(std::string_view text) {
  if (!trim(text).starts_with(kRefPrefix)) return std::nullopt;
  return parse_secret_id(text);
}

}  // namespace aivault::admin
