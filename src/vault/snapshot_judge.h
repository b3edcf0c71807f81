// SnapshotJudge: judges the rows of one view of the vault.
// Thread: that of the view, which must outlive it.
#pragma once

#include "vault/core.h"
#include "vault/row_reader.h"

namespace aivault::vault {

class SnapshotJudge final : public Judge {
 public:
  SnapshotJudge(Core& core, const View& view) : core_(core), view_(view) {}
  const MasterKeys& keys() const override { return view_.keys->master(); }
  std::optional<std::int64_t> rev_of(store::Table table, std::string_view id) const override {
    return view_.revisions->at(table, id, view_.counter);
  }
  std::vector<std::string> ids(store::Table table) const override {
    return view_.revisions->ids(table, view_.counter);
  }
  void report(const Problem& problem) override { core_.report(problem); }

 private:
  Core& core_;
  const View& view_;
};

}  // namespace aivault::vault
