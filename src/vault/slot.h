// Slot: the one vault a daemon serves, which may not exist yet or may have been made by another
// process meanwhile. The first use that needs a vault creates it; a missing or wrong key is
// tried again at the next use.
// Thread: any; opening happens once at a time. Errors: those of Vault; not_initialised from get().
#pragma once

#include <memory>
#include <mutex>

#include "vault/vault.h"

namespace aivault::vault {

class Slot {
 public:
  explicit Slot(Options options) : options_(std::move(options)) {}

  // The open vault; opens an existing one. not_initialised (`vault not enabled`) if there is none.
  Result<std::shared_ptr<Vault>> get();
  // The same, but makes a vault where there is none.
  Result<std::shared_ptr<Vault>> get_or_create();
  // The open vault or nullptr; never opens, never blocks on opening.
  std::shared_ptr<Vault> peek();
  void close();  // Flushes and forgets it.

  const Options& options() const { return options_; }

 private:
  Options options_;
  std::mutex opening_;
  std::mutex guard_;  // Of vault_, held for copies only.
  std::shared_ptr<Vault> vault_;
};

}  // namespace aivault::vault
