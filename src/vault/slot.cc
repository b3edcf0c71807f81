#include "vault/slot.h"

namespace aivault::vault {

std::shared_ptr<Vault> Slot::peek() {
  const std::lock_guard lock(guard_);
  return vault_;
}

Result<std::shared_ptr<Vault>> Slot::get() {
  if (auto open = peek()) return open;
  const std::lock_guard lock(opening_);
  if (auto open = peek()) return open;  // Another thread was faster.
  TRY_ASSIGN(auto opened, Vault::open(options_));
  const std::lock_guard store(guard_);
  vault_ = std::move(opened);
  return vault_;
}

Result<std::shared_ptr<Vault>> Slot::get_or_create() {
  if (auto open = peek()) return open;
  const std::lock_guard lock(opening_);
  if (auto open = peek()) return open;
  TRY_ASSIGN(auto opened, Vault::open_or_create(options_));
  const std::lock_guard store(guard_);
  vault_ = std::move(opened);
  return vault_;
}

void Slot::close() {
  const std::lock_guard lock(opening_);
  std::shared_ptr<Vault> closing;
  {
    const std::lock_guard store(guard_);
    closing = std::move(vault_);
  }
  if (closing) closing->flush();
}

}  // namespace aivault::vault
