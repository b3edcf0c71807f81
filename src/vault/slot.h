// Slot: the one vault a daemon serves, which may not exist yet, may have been made by another
// process meanwhile, and may be locked. The first use that needs a vault creates it; a missing or
// wrong key is tried again at the next use.
// Thread: any; opening happens once at a time, and so does unlocking, beside it.
// Errors: those of Vault; not_initialised from get(); vault_locked for a passphrase vault that
// nobody has unlocked.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "platform/boot_clock.h"
#include "vault/locked.h"
#include "vault/vault.h"

namespace aivault::vault {

class Slot {
 public:
  using Deadline = std::optional<platform::BootClock::time_point>;

  explicit Slot(Options options) : options_(std::move(options)) {}

  // The open vault; opens an existing one. not_initialised (`vault not enabled`) if there is none.
  Result<std::shared_ptr<Vault>> get();
  // The same, but makes a vault where there is none.
  Result<std::shared_ptr<Vault>> get_or_create();
  // The open vault or nullptr; never opens, never blocks on opening.
  std::shared_ptr<Vault> peek();
  void close();  // Flushes and forgets it.

  // A passphrase vault is open from now on, until lock() or for `lasts` of boot time; a later
  // unlock replaces that. Of any other provider nothing changes. Takes seconds: a wrong passphrase
  // (wrong_key) is recorded, and answered late from the fifth in a row on, by one second and then
  // twice as long each time, up to 60. `who`: the record without its kind.
  Result<Status> unlock(const Secret* passphrase,
                        std::optional<std::chrono::milliseconds> lasts,
                        const audit::Event& who);
  // Forgets the keys at once, recorded or not. A passphrase vault stays locked; the key of any
  // other provider is read afresh at the next use.
  Result<Status> lock(const audit::Event& who);

  // When an unlocked passphrase vault locks itself, by the present wall clock.
  std::optional<UnixMs> unlocked_until();
  bool is_unlocked();  // A passphrase vault, by somebody.

  // A refusal while the vault cannot be opened, to be chained at the next unlock. Only takes note;
  // true: write_refusals(), which may block, is to be called.
  bool note_refusal(audit::Event event);
  void write_refusals();

  // Locks the vault if its time is over; for the timer that `on_deadline` has set.
  void lock_overdue();
  // Called with each new end of an unlock, from any thread; must not block. Set before use.
  void on_deadline(std::function<void(Deadline)> listener) { on_deadline_ = std::move(listener); }
  // Called after keys were forgotten, from any thread. Set before use.
  void on_lock(std::function<void()> listener) { on_lock_ = std::move(listener); }
  void stop();  // Ends the waiting for wrong passphrases: the process ends.

  const Options& options() const { return options_; }

 private:
  std::shared_ptr<Vault> usable() const;
  Result<Status> check_again(const std::shared_ptr<Vault>& open,
                             const LockedVault& facts,
                             const Secret& passphrase);
  Result<std::shared_ptr<Vault>> open_with(const Secret& passphrase);
  Error refuse_passphrase(Error error, LockedVault& facts, audit::Event who);
  void set_deadline(Deadline deadline);
  void forget(const std::shared_ptr<Vault>& closing, audit::Event who);

  Options options_;
  std::function<void(Deadline)> on_deadline_;
  std::function<void()> on_lock_;
  std::mutex opening_;
  std::mutex unlocking_;
  int wrong_in_a_row_ = 0;  // With unlocking_.
  std::atomic<std::uint64_t> locks_ = 0;

  mutable std::mutex guard_;  // Of what follows, held for copies only.
  std::shared_ptr<Vault> vault_;
  Deadline deadline_;  // Of the unlock of vault_.
  std::vector<audit::Event> refusals_;

  std::mutex waiting_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // With waiting_.
};

}  // namespace aivault::vault
