#include "vault/scope.h"

#include <algorithm>

#include "base/text.h"

namespace aivault::vault {
namespace {

constexpr std::size_t kMaxScopeId = 128;

Result<void> check_id(std::string_view flag, std::string_view id) {
  if (is_valid_scope_id(id)) return {};
  return invalid_request("record_invalid",
                         std::string(flag) +
                             " must have 1 to 128 characters without white space, control "
                             "characters, ':' or '/'");
}

bool is_attached(std::span<const Attachment> attached, const Context& context) {
  if (context.workspace.empty() || context.group.empty()) return false;
  return std::ranges::any_of(attached, [&](const Attachment& to) {
    return to.workspace == context.workspace && to.group == context.group;
  });
}

bool allows(const Scope& secret,
            std::span<const Attachment> attached,
            const Context& context,
            Opener opener) {
  switch (secret.kind) {
    case Scope::Kind::global:
      return context.group.empty() || opener == Opener::derived_global_credential ||
             is_attached(attached, context);
    case Scope::Kind::workspace:
      if (context.workspace.empty()) return false;
      return context.workspace == secret.workspace || is_attached(attached, context);
    case Scope::Kind::group:
      if (context.workspace.empty() || context.group.empty()) return false;
      return (context.workspace == secret.workspace && context.group == secret.group) ||
             is_attached(attached, context);
  }
  return false;
}

}  // namespace

std::string Scope::text() const {
  switch (kind) {
    case Kind::global: break;
    case Kind::workspace: return "workspace:" + workspace;
    case Kind::group: return "group:" + workspace + ":" + group;
  }
  return "global";
}

bool is_valid_scope_id(std::string_view id) {
  if (!is_valid_utf8(id) || has_control(id)) return false;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const char c = id[i];
    if (is_space(c) || c == ':' || c == '/') return false;
    const auto rest = id.substr(i);
    // White space beyond ASCII: NEL, NBSP, and the blocks of U+2000, U+3000.
    for (const std::string_view space : {"\xC2\x85",
                                         "\xC2\xA0",
                                         "\xE1\x9A\x80",
                                         "\xE3\x80\x80",
                                         "\xE2\x80\xA8",
                                         "\xE2\x80\xA9",
                                         "\xE2\x80\xAF",
                                         "\xE2\x81\x9F"}) {
      if (rest.starts_with(space)) return false;
    }
    if (rest.starts_with("\xE2\x80") && rest.size() > 2 && rest[2] >= '\x80' && rest[2] <= '\x8A') {
      return false;
    }
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++characters;
  }
  return characters >= 1 && characters <= kMaxScopeId;
}

Result<Scope> make_scope(std::string_view kind,
                         std::string_view workspace,
                         std::string_view group) {
  if (kind == "global") {
    if (!workspace.empty() || !group.empty()) {
      return invalid_request("record_invalid",
                             "--workspace-id and --group-id do not go with --scope global");
    }
    return Scope::global_scope();
  }
  if (kind == "workspace") {
    if (workspace.empty()) {
      return invalid_request("record_invalid", "--workspace-id is required for --scope workspace");
    }
    if (!group.empty()) {
      return invalid_request("record_invalid", "--group-id does not go with --scope workspace");
    }
    TRY(check_id("--workspace-id", workspace));
    return Scope{Scope::Kind::workspace, std::string(workspace), ""};
  }
  if (kind == "group") {
    if (workspace.empty()) {
      return invalid_request("record_invalid", "--workspace-id is required for --scope group");
    }
    if (group.empty()) {
      return invalid_request("record_invalid", "--group-id is required for --scope group");
    }
    TRY(check_id("--workspace-id", workspace));
    TRY(check_id("--group-id", group));
    return Scope{Scope::Kind::group, std::string(workspace), std::string(group)};
  }
  return invalid_request("record_invalid", "--scope must be global, workspace or group");
}

Result<Context> make_context(std::string_view workspace, std::string_view group) {
  if (workspace.empty() && !group.empty()) {
    return invalid_request("record_invalid",
                           "--workspace-id is required when --group-id is provided");
  }
  if (!workspace.empty()) TRY(check_id("--workspace-id", workspace));
  if (!group.empty()) TRY(check_id("--group-id", group));
  return Context{std::string(workspace), std::string(group)};
}

Result<void> may_open(const Scope& secret,
                      std::span<const Attachment> attached,
                      const Context& context,
                      Opener opener) {
  if (allows(secret, attached, context, opener)) return {};
  return policy_violation("secret_not_accessible", "secret not accessible");
}

}  // namespace aivault::vault
