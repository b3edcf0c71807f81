// The daily check of an open vault, over a connection of its own, so that it can be broken off.
#include <utility>

#include "store/seals.h"
#include "vault/history.h"
#include "vault/layout.h"
#include "vault/open_vault.h"
#include "vault/snapshot_judge.h"

namespace aivault::vault {
namespace {

using Problems = std::vector<Problem>;

bool concerns_content(const Error& error) {
  return error.reason == "damaged" || error.reason == "row_integrity";
}

Result<void> check_pages_and_rows(store::Database& database, Core& core, Problems& problems) {
  TRY_ASSIGN(const auto view, core.enter(database));
  TRY_ASSIGN(const auto findings, database.quick_check());
  if (!findings.empty()) {
    problems.push_back({"vault", kDatabaseName, "vault damaged: " + findings.front()});
  }
  TRY_ASSIGN(auto failed, verify_all_rows(database, view));
  for (auto& problem : failed) problems.push_back(std::move(problem));
  return {};
}

Result<void> check_audit(store::Database& database,
                         Core& core,
                         const std::function<bool()>& goes_on,
                         Problems& problems) {
  TRY_ASSIGN(const auto view, core.enter(database));
  TRY_ASSIGN(const auto state, store::load_state(database));
  const audit::Chain chain{view.keys->vault_id(),
                           state.audit_seq,
                           crypto::hash_from(state.audit_head),
                           [&](std::int64_t epoch) { return view.keys->audit_key(epoch); }};
  SnapshotJudge judge(core, view);
  RowReader rows(database, judge);
  TRY_ASSIGN(const auto found, verify_history(rows, chain, std::nullopt, goes_on));
  if (found.first_bad_seq) {
    const auto seq = std::to_string(*found.first_bad_seq);
    problems.push_back({"audit", seq, "row integrity check failed: audit/" + seq + ": chain"});
  }
  for (const auto& name : found.missing) {
    problems.push_back({"audit", name, "row integrity check failed: " + name + " is missing"});
  }
  return {};
}

}  // namespace

Result<Problems> Vault::check_everything(const std::function<bool()>&) { return Problems(); }

Result<Problems> OpenVault::check_everything(const std::function<bool()>& goes_on) {
  // Keys that were locked away must not stay in memory for a check.
  const auto may_go_on = [&] { return goes_on() && !core_->is_locked(); };
  TRY(core_->check_in_place());
  TRY_ASSIGN(auto database, core_->connect());
  database.work_while(may_go_on);
  Problems problems;
  auto done = check_pages_and_rows(database, *core_, problems);
  if (done) done = check_audit(database, *core_, may_go_on, problems);
  if (!done) {
    if (!concerns_content(done.error())) return fail(std::move(done).error());
    problems.push_back({"vault", kDatabaseName, done.error().message});
  }
  for (const auto& problem : problems) core_->report(problem);
  return problems;
}

}  // namespace aivault::vault
