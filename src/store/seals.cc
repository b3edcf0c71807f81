#include "store/seals.h"

#include "store/statement.h"

namespace aivault::store {
namespace {

tl::unexpected<Error> no_state() {
  return vault_unavailable("damaged",
                           "vault damaged: its state is missing; run `aivault recover`, or "
                           "`aivault restore` with a backup");
}

}  // namespace

Result<std::optional<RowSeal>> find_seal(Database& database, Table table, std::string_view id) {
  std::optional<RowSeal> seal;
  Statement find(
      database, "SELECT rev, mac FROM row_seals WHERE tbl = ?1 AND id = ?2", name_of(table), id);
  TRY(first_row(find, [&](const Statement& row) {
    seal = RowSeal{row.integer(0), std::string(row.blob(1))};
  }));
  return seal;
}

Result<void> put_seal(Database& database, Table table, std::string_view id, const RowSeal& seal) {
  return Statement(database,
                   "REPLACE INTO row_seals (tbl, id, rev, mac) VALUES (?1, ?2, ?3, ?4)",
                   name_of(table),
                   id,
                   seal.rev,
                   BlobView{seal.mac})
      .run();
}

Result<void> remove_seal(Database& database, Table table, std::string_view id) {
  return Statement(database, "DELETE FROM row_seals WHERE tbl = ?1 AND id = ?2", name_of(table), id)
      .run();
}

Result<void> scan_seals(
    Database& database,
    const std::function<Result<void>(Table, std::string_view, const RowSeal&)>& take) {
  Statement scan(database, "SELECT tbl, id, rev, mac FROM row_seals");
  RowSeal seal;
  while (true) {
    TRY_ASSIGN(const bool found, scan.step());
    if (!found) return {};
    const auto table = table_named(scan.text(0));
    if (!table) return vault_unavailable("damaged", "vault damaged: a seal of an unknown table");
    seal.rev = scan.integer(2);
    seal.mac = scan.blob(3);
    TRY(take(*table, scan.text(1), seal));
  }
}

Result<StateRow> load_state(Database& database) {
  StateRow state;
  Statement select(database,
                   "SELECT counter, objects, audit_seq, last_ts_ms, audit_head, digest_nonce, "
                   "digest_ct FROM vault_state WHERE id = 1");
  TRY_ASSIGN(const bool found, first_row(select, [&](const Statement& row) {
               state = {row.integer(0),
                        row.integer(1),
                        row.integer(2),
                        row.integer(3),
                        std::string(row.blob(4)),
                        std::string(row.blob(5)),
                        std::string(row.blob(6))};
             }));
  if (!found) return no_state();
  return state;
}

Result<void> store_state(Database& database, const StateRow& state) {
  return Statement(database,
                   "REPLACE INTO vault_state (id, counter, objects, audit_seq, last_ts_ms, "
                   "audit_head, digest_nonce, digest_ct) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                   state.counter,
                   state.objects,
                   state.audit_seq,
                   state.last_ts_ms,
                   BlobView{state.audit_head},
                   BlobView{state.digest_nonce},
                   BlobView{state.digest_ct})
      .run();
}

Result<std::int64_t> load_counter(Database& database) {
  std::int64_t counter = 0;
  Statement select(database, "SELECT counter FROM vault_state WHERE id = 1");
  TRY_ASSIGN(const bool found,
             first_row(select, [&](const Statement& row) { counter = row.integer(0); }));
  if (!found) return no_state();
  return counter;
}

}  // namespace aivault::store
