#include "vault/secret_rules.h"

#include <algorithm>

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

}  // namespace aivault::vault
