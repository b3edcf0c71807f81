#include <array>

#include "admin/handlers.h"

namespace aivault::admin {
namespace {

using enum Audience;

constexpr std::size_t kNoBody = 0;
constexpr std::size_t kBody = std::size_t{2} << 20U;  // Bytes.
constexpr std::size_t kImport = std::size_t{16} << 20U;

constexpr std::array<std::string_view, 0> kNone = {};
constexpr std::array<std::string_view, 1> kCapabilityKeys = {"setup"};
constexpr std::array<std::string_view, 5> kSecretKeys = {
    "limit", "cursor", "scope", "workspaceId", "groupId"};
constexpr std::array<std::string_view, 7> kBindingKeys = {
    "limit", "cursor", "capability", "scope", "workspaceId", "groupId", "consumer"};
constexpr std::array<std::string_view, 12> kAuditKeys = {"limit",
                                                         "follow",
                                                         "cursor",
                                                         "beforeTsMs",
                                                         "afterTsMs",
                                                         "kind",
                                                         "capability",
                                                         "credential",
                                                         "secretId",
                                                         "agent",
                                                         "uid",
                                                         "outcome"};
constexpr std::array<std::string_view, 3> kApprovalKeys = {"limit", "cursor", "all"};
constexpr std::array<std::string_view, 1> kVerifyKeys = {"head"};

constexpr auto kTable = std::to_array<Operation>({
    {"GET", "/aivault/whoami", any, kNoBody, kNone, whoami, Lane::urgent},
    {"GET", "/aivault/capabilities", any, kNoBody, kCapabilityKeys, list_capabilities},
    {"GET", "/aivault/capabilities/{id}", any, kNoBody, kNone, describe_capability},
    {"GET", "/aivault/endpoints", any, kNoBody, kNone, list_endpoints},

    {"GET", "/aivault/secrets", operators, kNoBody, kSecretKeys, list_secrets},
    {"POST", "/aivault/secrets", operators, kBody, kNone, create_secret},
    {"GET", "/aivault/secrets/{id}", operators, kNoBody, kNone, show_secret},
    {"PATCH", "/aivault/secrets/{id}", operators, kBody, kNone, update_secret},
    {"DELETE", "/aivault/secrets/{id}", operators, kNoBody, kNone, delete_secret},
    {"POST", "/aivault/secrets/{id}/rotate", operators, kBody, kNone, rotate_secret},
    {"POST", "/aivault/secrets/{id}/attach", operators, kBody, kNone, attach_group},
    {"POST", "/aivault/secrets/{id}/detach", operators, kBody, kNone, detach_group},
    {"POST", "/aivault/secrets/import", operators, kImport, kNone, import_secrets, Lane::slow},

    {"GET", "/aivault/credentials", operators, kNoBody, kNone, list_credentials},
    {"POST", "/aivault/credentials", operators, kBody, kNone, create_credential},
    {"GET", "/aivault/credentials/{id}", operators, kNoBody, kNone, show_credential},
    {"DELETE", "/aivault/credentials/{id}", operators, kNoBody, kNone, delete_credential},
    {"POST", "/aivault/credentials/{id}/enable", operators, kBody, kNone, enable_credential},
    {"POST", "/aivault/credentials/{id}/disable", operators, kBody, kNone, disable_credential},

    {"POST", "/aivault/capabilities", operators, kBody, kNone, create_capability},
    {"DELETE", "/aivault/capabilities/{id}", operators, kNoBody, kNone, delete_capability},
    {"POST", "/aivault/capabilities/{id}/enable", operators, kBody, kNone, enable_capability},
    {"POST", "/aivault/capabilities/{id}/disable", operators, kBody, kNone, disable_capability},
    {"PUT", "/aivault/capabilities/{id}/policy", operators, kBody, kNone, set_policy},

    {"GET", "/aivault/approvals", operators, kNoBody, kApprovalKeys, list_approvals},
    {"GET", "/aivault/approvals/{id}", operators, kNoBody, kNone, show_approval},
    {"POST", "/aivault/approvals/{id}/approve", operators, kBody, kNone, approve_call},
    {"POST", "/aivault/approvals/{id}/deny", operators, kBody, kNone, deny_call},

    {"GET", "/aivault/agents", operators, kNoBody, kNone, list_agents},
    {"POST", "/aivault/agents", operators, kBody, kNone, create_agent},
    {"GET", "/aivault/agents/{name}", operators, kNoBody, kNone, show_agent},
    {"PATCH", "/aivault/agents/{name}", operators, kBody, kNone, update_agent},
    {"DELETE", "/aivault/agents/{name}", operators, kNoBody, kNone, delete_agent},
    {"GET", "/aivault/access", operators, kNoBody, kNone, show_access},
    {"PUT", "/aivault/access", operators, kBody, kNone, set_access},
    {"GET", "/aivault/tokens", socket_callers, kNoBody, kNone, list_tokens},
    {"DELETE", "/aivault/tokens/{id}", socket_callers, kNoBody, kNone, revoke_token},

    {"GET", "/aivault/bindings", operators, kNoBody, kBindingKeys, list_bindings},
    {"PUT", "/aivault/bindings", operators, kBody, kNone, bind_capability},
    {"POST", "/aivault/bindings/unbind", operators, kBody, kNone, unbind_capability},

    {"GET", "/aivault/providers", operators, kNoBody, kNone, list_providers},
    {"POST", "/aivault/providers", operators, kBody, kNone, add_provider, Lane::slow},
    {"POST", "/aivault/providers/check", private_child, kBody, kNone, check_provider, Lane::slow},
    {"GET", "/aivault/providers/{id}", operators, kNoBody, kNone, show_provider},
    {"GET", "/aivault/providers/{id}/export", operators, kNoBody, kNone, export_provider},
    {"DELETE", "/aivault/providers/{id}", operators, kNoBody, kNone, remove_provider},

    {"GET", "/aivault/vault", operators, kNoBody, kNone, vault_status},
    {"GET", "/aivault/status", operators, kNoBody, kNone, status},
    {"POST", "/aivault/vault/rotate-master", operators, kBody, kNone, rotate_master, Lane::slow},
    {"POST", "/aivault/vault/recover", private_child, kBody, kNone, recover_vault, Lane::slow},
    {"POST", "/aivault/vault/init", private_child, kBody, kNone, init_vault},
    {"POST", "/aivault/vault/unlock", operators, kBody, kNone, unlock_vault, Lane::patient},
    {"POST", "/aivault/vault/lock", operators, kBody, kNone, lock_vault, Lane::urgent},
    {"POST",
     "/aivault/vault/backup",
     operators,
     kBody,
     kNone,
     backup_vault,
     Lane::slow,
     Stream::download},
    {"POST",
     "/aivault/vault/restore",
     private_child,
     kBody,
     kNone,
     restore_vault,
     Lane::slow,
     Stream::upload},
    {"POST", "/aivault/vault/import", private_child, kBody, kNone, import_directory, Lane::slow},
    {"GET", "/aivault/doctor", operators, kNoBody, kNone, doctor, Lane::slow},

    {"GET", "/aivault/audit", operators, kNoBody, kAuditKeys, list_audit, Lane::slow},
    {"GET", "/aivault/audit/verify", operators, kNoBody, kVerifyKeys, verify_audit, Lane::slow},
});

}  // namespace

std::span<const Operation> operations() { return kTable; }

}  // namespace aivault::admin
