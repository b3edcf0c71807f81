// Records: what lists read: the open vault, verified, or a locked one as it lies there, with a
// warning that says so.
// Thread: one. Errors: those of the vault, but vault_locked.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "admin/desk.h"
#include "base/result.h"
#include "catalog/snapshot.h"
#include "vault/locked.h"
#include "vault/vault.h"

namespace aivault::admin {

// The vault as it is now: another process may have re-keyed it since it was opened.
Result<std::shared_ptr<vault::Vault>> looked_at(Result<std::shared_ptr<vault::Vault>> opened);

class Records {
 public:
  // Makes a vault where there is none.
  static Result<Records> open(Desk& desk);

  vault::Vault* vault() { return vault_.get(); }  // nullptr: it is locked.
  const std::string& root() const { return root_; }
  // Where a list begins to collect what its reader must know.
  std::vector<vault::Problem> warnings() const;

  template <typename Work>
  auto read(Work work) -> std::invoke_result_t<Work, vault::Reader&> {
    if (vault_) return vault::read(*vault_, std::move(work));
    std::optional<std::invoke_result_t<Work, vault::Reader&>> value;
    TRY(locked_->read([&](vault::Reader& reader) -> Result<void> {
      value.emplace(work(reader));
      return {};
    }));
    return *std::move(value);
  }
  Result<std::shared_ptr<const catalog::Snapshot>> snapshot();

 private:
  explicit Records(catalog::Catalog& catalog) : catalog_(&catalog) {}
  catalog::Catalog* catalog_;
  std::shared_ptr<vault::Vault> vault_;
  std::unique_ptr<vault::LockedVault> locked_;
  std::string root_;
};

}  // namespace aivault::admin
