#include "vault/rekey.h"

#include <unistd.h>

#include <utility>

#include "vault/creation.h"
#include "vault/layout.h"
#include "vault/rotate_master.h"

namespace aivault::vault {

Result<void> rekey_unused(const Options& options, const ProviderChoice& choice) {
  TRY_ASSIGN(auto root, platform::Directory::open(options.location.root));
  const auto exists =
      invalid_request("exists", "vault already initialized at '" + root.path() + "'");
  TRY(check_header(root));
  if (!root.has(kDatabaseName)) return exists;
  TRY_ASSIGN(auto lock, open_lock_file(root));
  TRY(wait_for(lock, kOpenByte, platform::RangeLock::Hold::shared));
  const auto core = Core::open(std::move(root), std::move(lock), {options.keys, nullptr});
  if (!core) return exists;  // Whatever it is, it is not an unused vault.
  TRY_ASSIGN(auto database, (*core)->connect());
  const std::lock_guard writing((*core)->writing());
  TRY_ASSIGN(const auto present, present_row(**core, database));
  TRY(check_never_used(**core, database));  // Before anything is asked of a key.
  TRY_ASSIGN(const auto plan, plan_for_unused(present, choice, options, (*core)->root()));
  if (plan.after.json() == plan.before.json()) return {};  // It is what was asked for.
  audit::Event who;
  who.actor = "operator";
  who.uid = ::geteuid();
  TRY(rotate(plan, **core, database, who));
  return {};
}

}  // namespace aivault::vault
