// Handlers: one function for each operation of the table, one file for each noun.
// Thread: the operator thread. Errors: those of the documented operations.
#pragma once

#include "admin/desk.h"
#include "admin/operation.h"

namespace aivault::admin {

Result<Answer> whoami(Desk& desk, const Request& request);
Result<Answer> status(Desk& desk, const Request& request);
Result<Answer> doctor(Desk& desk, const Request& request);

Result<Answer> list_secrets(Desk& desk, const Request& request);
Result<Answer> show_secret(Desk& desk, const Request& request);
Result<Answer> create_secret(Desk& desk, const Request& request);
Result<Answer> update_secret(Desk& desk, const Request& request);
Result<Answer> rotate_secret(Desk& desk, const Request& request);
Result<Answer> delete_secret(Desk& desk, const Request& request);
Result<Answer> attach_group(Desk& desk, const Request& request);
Result<Answer> detach_group(Desk& desk, const Request& request);
Result<Answer> import_secrets(Desk& desk, const Request& request);

Result<Answer> list_credentials(Desk& desk, const Request& request);
Result<Answer> show_credential(Desk& desk, const Request& request);
Result<Answer> create_credential(Desk& desk, const Request& request);
Result<Answer> delete_credential(Desk& desk, const Request& request);
Result<Answer> enable_credential(Desk& desk, const Request& request);
Result<Answer> disable_credential(Desk& desk, const Request& request);

Result<Answer> list_capabilities(Desk& desk, const Request& request);
Result<Answer> describe_capability(Desk& desk, const Request& request);
Result<Answer> list_endpoints(Desk& desk, const Request& request);
Result<Answer> create_capability(Desk& desk, const Request& request);
Result<Answer> delete_capability(Desk& desk, const Request& request);
Result<Answer> enable_capability(Desk& desk, const Request& request);
Result<Answer> disable_capability(Desk& desk, const Request& request);

Result<Answer> set_policy(Desk& desk, const Request& request);
Result<Answer> list_approvals(Desk& desk, const Request& request);
Result<Answer> show_approval(Desk& desk, const Request& request);
Result<Answer> approve_call(Desk& desk, const Request& request);
Result<Answer> deny_call(Desk& desk, const Request& request);

Result<Answer> list_agents(Desk& desk, const Request& request);
Result<Answer> show_agent(Desk& desk, const Request& request);
Result<Answer> create_agent(Desk& desk, const Request& request);
Result<Answer> update_agent(Desk& desk, const Request& request);
Result<Answer> delete_agent(Desk& desk, const Request& request);
Result<Answer> show_access(Desk& desk, const Request& request);
Result<Answer> set_access(Desk& desk, const Request& request);

Result<Answer> list_tokens(Desk& desk, const Request& request);
Result<Answer> revoke_token(Desk& desk, const Request& request);

Result<Answer> list_bindings(Desk& desk, const Request& request);
Result<Answer> bind_capability(Desk& desk, const Request& request);
Result<Answer> unbind_capability(Desk& desk, const Request& request);

Result<Answer> list_providers(Desk& desk, const Request& request);
Result<Answer> check_provider(Desk& desk, const Request& request);
Result<Answer> add_provider(Desk& desk, const Request& request);
Result<Answer> show_provider(Desk& desk, const Request& request);
Result<Answer> export_provider(Desk& desk, const Request& request);
Result<Answer> remove_provider(Desk& desk, const Request& request);

Result<Answer> vault_status(Desk& desk, const Request& request);
Result<Answer> init_vault(Desk& desk, const Request& request);
Result<Answer> rotate_master(Desk& desk, const Request& request);
Result<Answer> recover_vault(Desk& desk, const Request& request);
Result<Answer> backup_vault(Desk& desk, const Request& request);
Result<Answer> restore_vault(Desk& desk, const Request& request);
Result<Answer> unlock_vault(Desk& desk, const Request& request);
Result<Answer> lock_vault(Desk& desk, const Request& request);
Result<Answer> import_directory(Desk& desk, const Request& request);

Result<Answer> list_audit(Desk& desk, const Request& request);
Result<Answer> verify_audit(Desk& desk, const Request& request);

}  // namespace aivault::admin
