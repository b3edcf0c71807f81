#include "vault/restore_rows.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "audit/log.h"
#include "json/write.h"
#include "store/seals.h"
#include "vault/rotate_master_rows.h"

namespace aivault::vault {
namespace {

using store::Table;

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// One transaction over rows that have all just been verified.
class Adjusting {
 public:
  Adjusting(store::Database& database, const Checked& checked)
      : database_(database),
        checked_(checked),
        master_(checked.keys->master()),
        state_(checked.state),
        digest_(checked.digest),
        rev_(checked.state.counter + 1) {}

  Result<std::size_t> remove_all(Table table, bool (*goes)(const store::Row&)) {
    std::vector<std::string> ids;
    TRY(store::scan_rows(database_, table, [&](const store::Row& row) -> Result<void> {
      if (goes(row)) ids.push_back(store::id_of(row));
      return {};
    }));
    for (const auto& id : ids) {
      TRY(take_out(table, id));
      TRY(store::remove_row(database_, table, id));
      TRY(store::remove_seal(database_, table, id));
      objects_.push("-" + std::string(store::name_of(table)) + "/" + id);
    }
    return ids.size();
  }

  Result<void> set_provider(const std::string& provider) {
    if (checked_.vault.provider == provider && !checked_.vault.retire) return {};
    auto vault = checked_.vault;
    vault.provider = provider;
    vault.retire.reset();  // The file that an archived vault was about to destroy is not ours.
    const auto row = to_row(vault);
    const auto id = store::id_of(row);
    TRY(take_out(Table::vault, id));
    TRY(store::put_row(database_, Table::vault, row));
    const store::RowSeal seal{
        rev_, std::string(crypto::view(master_.row_mac(Table::vault, rev_, row, nullptr)))};
    TRY(store::put_seal(database_, Table::vault, id, seal));
    digest_.add(master_.set_element(Table::vault, id, seal));
    ++state_.objects;
    objects_.push("+" + std::string(store::name_of(Table::vault)) + "/" + id);
    return {};
  }

  Result<void> finish(const audit::Event& event) {
    const auto now = wall_clock();
    audit::Row row;
    row.seq = ++state_.audit_seq;
    row.ts_ms = to_int(now);
    row.kind = event.kind;
    row.epoch = checked_.keys->epoch();
    row.rev = rev_;
    row.objects = json::compact(objects_);
    row.body = audit::to_body(event);
    const auto* key = checked_.keys->audit_key(row.epoch);
    const auto head = audit::chain_hash(
        *key, crypto::hash_from(state_.audit_head), checked_.keys->vault_id(), row);
    TRY(audit::append(database_, row, head));
    state_.counter = rev_;
    state_.audit_head = crypto::view(head);
    state_.last_ts_ms = std::max(state_.last_ts_ms, row.ts_ms);
    master_.seal_digest(state_, digest_);
    return store::store_state(database_, state_);
  }

 private:
  Result<void> take_out(Table table, std::string_view id) {
    TRY_ASSIGN(const auto seal, store::find_seal(database_, table, id));
    if (!seal) {
      return vault_unavailable("row_integrity",
                               "row integrity check failed: " + std::string(store::name_of(table)) +
                                   "/" + std::string(id) + ": its seal is missing");
    }
    digest_.subtract(master_.set_element(table, id, *seal));
    --state_.objects;
    return {};
  }

  store::Database& database_;
  const Checked& checked_;
  const MasterKeys& master_;
  store::StateRow state_;
  Digest digest_;
  std::int64_t rev_;
  json::Value objects_ = json::Value::array();
};

bool always(const store::Row&) { return true; }

bool is_pending(const store::Row& approval) {
  const auto* state = std::get_if<std::string>(&approval.at(1));
  return state == nullptr || *state == "pending";
}

}  // namespace

Result<void> adjust_rows(store::Database& database, const Checked& checked, Restoring restoring) {
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
  Adjusting adjusting(database, checked);
  TRY_ASSIGN(const auto tokens, adjusting.remove_all(Table::tokens, always));
  TRY_ASSIGN(const auto approvals, adjusting.remove_all(Table::approvals, is_pending));
  if (!restoring.master) TRY(adjusting.set_provider(restoring.provider));
  auto event = restoring.event;
  event.note += ", " + std::to_string(tokens) + " tokens and " + std::to_string(approvals) +
                " pending approvals removed";
  TRY(adjusting.finish(event));
  return transaction.commit();
}

}  // namespace aivault::vault
