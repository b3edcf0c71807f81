#include "vault/whole_check.h"

#include <algorithm>
#include <utility>

#include "audit/log.h"
#include "vault/open_vault.h"
#include "vault/row_reader.h"
#include "vault/segments.h"

namespace aivault::vault {
namespace {

class QuietJudge final : public Judge {
 public:
  explicit QuietJudge(const Checked& checked) : checked_(checked) {}
  const MasterKeys& keys() const override { return checked_.keys->master(); }
  std::optional<std::int64_t> rev_of(store::Table table, std::string_view id) const override {
    return checked_.revisions->at(table, id, checked_.state.counter);
  }
  std::vector<std::string> ids(store::Table table) const override {
    return checked_.revisions->ids(table, checked_.state.counter);
  }
  void report(const Problem&) override {}

 private:
  const Checked& checked_;
};

Result<void> check_rows_of(store::Database& database,
                           const Checked& checked,
                           store::Transaction transaction) {
  const View view{checked.keys,
                  checked.revisions,
                  Revisions::Pin(*checked.revisions),
                  checked.state.last_ts_ms,
                  checked.state.counter,
                  std::move(transaction)};
  TRY_ASSIGN(const auto failed, verify_all_rows(database, view));
  if (failed.empty()) return {};
  auto message = failed.front().message;
  if (failed.size() > 1) message += " (and " + std::to_string(failed.size() - 1) + " more)";
  return vault_unavailable("row_integrity", std::move(message));
}

Result<std::vector<std::string>> check_chain(store::Database& database, const Checked& checked) {
  QuietJudge judge(checked);
  RowReader rows(database, judge);
  std::vector<Problem> damaged;
  TRY_ASSIGN(const auto segments, load_segments(rows, damaged));
  const audit::Chain chain{checked.keys->vault_id(),
                           checked.state.audit_seq,
                           crypto::hash_from(checked.state.audit_head),
                           [&](std::int64_t epoch) { return checked.keys->audit_key(epoch); }};
  const std::optional<audit::Head> no_head;
  audit::ChainCheck check(chain, no_head);
  std::vector<std::string> files;
  for (const auto& segment : segments) {
    if (!segment.archived) continue;
    check.skip(segment.file, segment.last, segment.last_hash);
    files.push_back(segment.file);
  }
  TRY(audit::check_rows(database, archived_up_to(segments), check));
  const auto found = check.finish(0);
  if (found.first_bad_seq) {
    return vault_unavailable(
        "row_integrity",
        "row integrity check failed: audit/" + std::to_string(*found.first_bad_seq) + ": chain");
  }
  return files;
}

}  // namespace

Result<Whole> check_whole(store::Database& database,
                          const platform::Directory& root,
                          const KeyInput& input,
                          const std::shared_ptr<const Keyring>& known) {
  Whole whole;
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::read));
  TRY_ASSIGN(const auto findings, database.quick_check());
  if (!findings.empty()) return vault_unavailable("damaged", "vault damaged: " + findings.front());
  TRY_ASSIGN(whole.checked, check_in_full(database, root, input, known));
  TRY_ASSIGN(whole.archived_files, check_chain(database, whole.checked));
  whole.secrets = static_cast<std::int64_t>(whole.checked.revisions->count(store::Table::secrets));
  TRY(check_rows_of(database, whole.checked, std::move(transaction)));
  return whole;
}

}  // namespace aivault::vault
