// Draft: one writing transaction under way. Every row that it writes gets its seal; the digest,
// the counter and the audit rows follow with finish().
// Thread: the writer. Errors: row_integrity, and those of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "store/database.h"
#include "vault/core.h"
#include "vault/row_counts.h"
#include "vault/row_reader.h"

namespace aivault::vault {

class Draft final : public Judge {
 public:
  Draft(store::Database& database, Core& core, UnixMs now);

  // The row that is there, if any, has been read and verified before. `lists`: see row_mac.
  Result<void> put(store::Table table, const store::Row& row, const SecretRecord* lists);
  Result<void> remove(store::Table table, std::string_view id);
  // Without trusting the row or its seal: all other seals are looked at instead.
  Result<void> remove_untrusted(store::Table table, std::string_view id);

  // Appends one event of the past, which concerns no row of this transaction.
  Result<void> append_history(const audit::Event& event);
  // Appends the events and stores the new state. Nothing may follow but commit.
  Result<void> finish(const std::vector<audit::Event>& events);

  const store::StateRow& state() const { return state_; }
  const Digest& digest() const { return digest_; }
  const std::vector<RowWrite>& writes() const { return writes_; }
  const RowCounts& appended() const { return appended_; }
  std::int64_t next_counter() const { return memory_.state.counter + 1; }
  UnixMs now() const { return now_; }
  const Memory& memory() const { return memory_; }

  const MasterKeys& keys() const override { return memory_.keys->master(); }
  std::optional<std::int64_t> rev_of(store::Table table, std::string_view id) const override;
  std::vector<std::string> ids(store::Table table) const override;
  void report(const Problem& problem) override { core_.report(problem); }

 private:
  const RowWrite* written(store::Table table, std::string_view id) const;
  Result<void> subtract(store::Table table, std::string_view id);
  void note(store::Table table, std::string_view id, std::optional<std::int64_t> rev);
  std::string objects_json() const;
  Result<void> append(const audit::Event& event, bool with_objects);

  store::Database& database_;
  Core& core_;
  const Memory& memory_;
  UnixMs now_;
  store::StateRow state_;
  Digest digest_;
  std::vector<RowWrite> writes_;  // One for each row.
  RowCounts appended_;
  std::map<store::Table, std::map<std::string, std::size_t, std::less<>>> places_;  // In writes_.
};

// Commits what was finished. Readers learn of the new revisions first: whichever side of the commit
// their snapshot is on, they find the right ones.
Result<void> publish(Core& core, const Draft& draft, store::Transaction transaction);

}  // namespace aivault::vault
