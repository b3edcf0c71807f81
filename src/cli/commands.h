// Commands: the functions behind the command table, one group of them in each command_*.cc.
#pragma once

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/session.h"

namespace aivault::cli {

// command_vault.cc
Result<int> run_status(Session& session, const Arguments& arguments);
// command_master_key.cc
Result<int> run_init(Session& session, const Arguments& arguments);
Result<int> run_unlock(Session& session, const Arguments& arguments);
Result<int> run_lock(Session& session, const Arguments& arguments);
Result<int> run_rotate_master(Session& session, const Arguments& arguments);
Result<int> run_recover(Session& session, const Arguments& arguments);
// command_archive.cc
Result<int> run_backup(Session& session, const Arguments& arguments);
Result<int> run_restore(Session& session, const Arguments& arguments);
Result<int> run_import(Session& session, const Arguments& arguments);
// command_audit.cc
Result<int> run_audit(Session& session, const Arguments& arguments);
Result<int> run_audit_verify(Session& session, const Arguments& arguments);
// command_secrets.cc
Result<int> run_secrets_list(Session& session, const Arguments& arguments);
Result<int> run_secrets_create(Session& session, const Arguments& arguments);
Result<int> run_secrets_update(Session& session, const Arguments& arguments);
Result<int> run_secrets_rotate(Session& session, const Arguments& arguments);
Result<int> run_secrets_delete(Session& session, const Arguments& arguments);
Result<int> run_secrets_attach(Session& session, const Arguments& arguments);
Result<int> run_secrets_detach(Session& session, const Arguments& arguments);
// command_secrets_import.cc
Result<int> run_secrets_import(Session& session, const Arguments& arguments);
// command_credential.cc
Result<int> run_credential_create(Session& session, const Arguments& arguments);
Result<int> run_credential_list(Session& session, const Arguments& arguments);
Result<int> run_credential_delete(Session& session, const Arguments& arguments);
Result<int> run_credential_enable(Session& session, const Arguments& arguments);
Result<int> run_credential_disable(Session& session, const Arguments& arguments);
// command_capability.cc
Result<int> run_capability_create(Session& session, const Arguments& arguments);
Result<int> run_capability_list(Session& session, const Arguments& arguments);
Result<int> run_capability_describe(Session& session, const Arguments& arguments);
Result<int> run_capability_delete(Session& session, const Arguments& arguments);
Result<int> run_capability_enable(Session& session, const Arguments& arguments);
Result<int> run_capability_disable(Session& session, const Arguments& arguments);
// command_provider.cc
Result<int> run_provider_list(Session& session, const Arguments& arguments);
Result<int> run_provider_check(Session& session, const Arguments& arguments);
Result<int> run_provider_add(Session& session, const Arguments& arguments);
Result<int> run_provider_show(Session& session, const Arguments& arguments);
Result<int> run_provider_export(Session& session, const Arguments& arguments);
Result<int> run_provider_remove(Session& session, const Arguments& arguments);
// command_policy.cc
Result<int> run_capability_policy_set(Session& session, const Arguments& arguments);
// command_agent.cc
Result<int> run_agent_create(Session& session, const Arguments& arguments);
Result<int> run_agent_list(Session& session, const Arguments& arguments);
Result<int> run_agent_show(Session& session, const Arguments& arguments);
Result<int> run_agent_grant(Session& session, const Arguments& arguments);
Result<int> run_agent_revoke(Session& session, const Arguments& arguments);
Result<int> run_agent_token(Session& session, const Arguments& arguments);
Result<int> run_agent_delete(Session& session, const Arguments& arguments);
Result<int> run_agent_default_access(Session& session, const Arguments& arguments);
// command_approval.cc
Result<int> run_approvals(Session& session, const Arguments& arguments);
Result<int> run_approve(Session& session, const Arguments& arguments);
Result<int> run_deny(Session& session, const Arguments& arguments);
// command_binding.cc
Result<int> run_capability_bind(Session& session, const Arguments& arguments);
Result<int> run_capability_unbind(Session& session, const Arguments& arguments);
Result<int> run_capability_bindings(Session& session, const Arguments& arguments);
// command_oauth.cc
Result<int> run_oauth_login(Session& session, const Arguments& arguments);
Result<int> run_oauth_setup(Session& session, const Arguments& arguments);
// command_call.cc
Result<int> run_invoke(Session& session, const Arguments& arguments);
Result<int> run_json(Session& session, const Arguments& arguments);
Result<int> run_markdown(Session& session, const Arguments& arguments);
// command_run.cc
Result<int> run_run(Session& session, const Arguments& arguments);
// command_mcp.cc
Result<int> run_mcp(Session& session, const Arguments& arguments);
// command_doctor.cc
Result<int> run_doctor(Session& session, const Arguments& arguments);
// command_restart.cc
Result<int> run_restart(Session& session, const Arguments& arguments);
// setup_agent_access.cc
Result<int> run_setup_agent_access(Session& session, const Arguments& arguments);
// setup_systemd.cc
Result<int> run_setup_systemd(Session& session, const Arguments& arguments);
Result<int> run_setup_launchd(Session& session, const Arguments& arguments);
// completion.cc
Result<int> run_completion(Session& session, const Arguments& arguments);

}  // namespace aivault::cli
