#include "vault/usage.h"

#include <utility>

#include "store/statement.h"

namespace aivault::vault {
namespace {

Result<void> write(store::Database& database,
                   Core& core,
                   const std::map<SecretId, Core::Usage>& usage) {
  const std::lock_guard lock(core.writing());
  TRY(core.check_in_place());
  TRY(database.synchronise(store::Synchronous::normal));
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
  for (const auto& [id, used] : usage) {
    TRY(store::Statement(database,
                         "INSERT INTO secret_usage (secret_id, last_used_at_ms, uses) SELECT id, "
                         "?2, ?3 FROM secrets WHERE id = ?1 ON CONFLICT (secret_id) DO UPDATE "
                         "SET last_used_at_ms = max(last_used_at_ms, excluded.last_used_at_ms), "
                         "uses = uses + excluded.uses",
                         id.str(),
                         to_int(used.last),
                         used.uses)
            .run());
  }
  return transaction.commit();
}

}  // namespace

void write_usage(store::Database& database, Core& core) {
  auto usage = core.take_usage();
  if (usage.empty()) return;
  if (!write(database, core, usage)) core.give_back(std::move(usage));
}

}  // namespace aivault::vault
