#include "vault/secret_rules.h"

#include <algorithm>

#include "base/digits.h"
#include "base/text.h"

namespace aivault::vault {

Result<std::string> check_name(std::string_view name, Maker maker) {
  const auto trimmed = trim(name);
  if (trimmed.empty()) return invalid_request("record_invalid", "secret name is required");
  if (trimmed.size() > kMaxNameBytes || !is_valid_utf8(trimmed) || has_control(trimmed)) {
    return invalid_request("record_invalid",
                           "secret name '" + quote_for_message(trimmed, 64) +
                               "' must have 1 to 256 bytes of UTF-8 without control characters");
  }
  if (maker == Maker::people && trimmed.starts_with(kReservedPrefix)) {
    return invalid_request(
        "record_invalid",
        "names that begin with " + std::string(kReservedPrefix) + " are reserved");
  }
  return std::string(trimmed);
}

Result<std::vector<std::string>> check_aliases(const std::vector<std::string>& aliases,
                                               Maker maker) {
  std::vector<std::string> checked;
  for (const auto& alias : aliases) {
    if (trim(alias).empty()) continue;
    TRY_ASSIGN(auto name, check_name(alias, maker));
    checked.push_back(std::move(name));
  }
  std::ranges::sort(checked);
  const auto repeated = std::ranges::unique(checked);
  checked.erase(repeated.begin(), repeated.end());
  if (checked.size() > kMaxAliases) {
    return invalid_request("record_invalid", "a secret has at most 32 aliases");
  }
  return checked;
}

Result<void> check_value(const Secret& value) {
  if (value.empty()) return invalid_request("record_invalid", "the value must not be empty");
  if (value.size() > kMaxValueBytes) {
    return invalid_request("record_invalid", "the value has more than 1048576 bytes");
  }
  return {};
}

Result<void> check_scope(const Scope& scope) {
  const bool needs_workspace = scope.kind != Scope::Kind::global;
  const bool needs_group = scope.kind == Scope::Kind::group;
  const auto fits = [](bool needed, const std::string& id) {
    return needed ? is_valid_scope_id(id) : id.empty();
  };
  if (fits(needs_workspace, scope.workspace) && fits(needs_group, scope.group)) return {};
  return invalid_request("record_invalid", "malformed scope");
}

Result<void> check_attachment(const Attachment& group) {
  if (is_valid_scope_id(group.workspace) && is_valid_scope_id(group.group)) return {};
  return invalid_request("record_invalid", "malformed workspace or group id");
}

Result<std::vector<Attachment>> check_attachments(std::vector<Attachment> groups) {
  for (const auto& group : groups) TRY(check_attachment(group));
  std::ranges::sort(groups);
  const auto repeated = std::ranges::unique(groups);
  groups.erase(repeated.begin(), repeated.end());
  if (groups.size() > kMaxAttachments) {
    return invalid_request("record_invalid", "a secret is attached to at most 1024 groups");
  }
  return groups;
}

Result<void> check_days(const std::optional<std::int64_t>& rotate_every) {
  if (!rotate_every || (*rotate_every > 0 && *rotate_every <= 36'500)) return {};
  return invalid_request("record_invalid", "--rotate-every must be 1 to 36500 days");
}

Result<void> check_binding(const BindingRow& binding) {
  const auto& id = binding.capability;
  const bool has_blank = std::ranges::any_of(id, is_space);
  if (id.empty() || id.size() > kMaxNameBytes || has_blank || !is_valid_utf8(id) ||
      has_control(id)) {
    return invalid_request("record_invalid", "malformed capability id");
  }
  const auto& consumer = binding.consumer;
  if (consumer.size() > kMaxConsumerBytes || !is_valid_utf8(consumer) || has_control(consumer)) {
    return invalid_request("record_invalid",
                           "--consumer must have 1 to 256 bytes of UTF-8 without control "
                           "characters");
  }
  return check_scope(binding.scope);
}

std::string BindingRow::id() const {
  return capability + ' ' + scope.text() + (consumer.empty() ? "" : ' ' + consumer);
}

std::string AgentRow::id() const { return uid ? name + ' ' + std::to_string(*uid) : name; }

std::string name_of_agent(std::string_view id) { return std::string(id.substr(0, id.find(' '))); }

std::optional<std::int64_t> uid_of_agent(std::string_view id) {
  const auto blank = id.find(' ');
  return blank == std::string_view::npos ? std::nullopt : parse_digits(id.substr(blank + 1));
}

std::string capability_of_binding(std::string_view id) {
  return std::string(id.substr(0, id.find(' ')));
}

}  // namespace aivault::vault
