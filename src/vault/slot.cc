#include "vault/slot.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/encoding.h"
#include "vault/keyring.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;

constexpr int kFreeAttempts = 4;  // Wrong passphrases in a row that are answered at once.
constexpr std::chrono::seconds kFirstDelay = 1s;
constexpr std::chrono::seconds kMaxDelay = 60s;
constexpr auto kMaxLasting = std::chrono::hours(24 * 365);
constexpr auto kRecordWait = 250ms;  // For the record of a lock.
constexpr std::size_t kMaxRefusals = 1000;

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

bool is_over(const Slot::Deadline& deadline) {
  return deadline && platform::BootClock::now() >= *deadline;
}

std::chrono::seconds delay_after(int wrong_in_a_row) {
  auto delay = kFirstDelay;
  if (wrong_in_a_row <= kFreeAttempts) return 0s;
  for (int i = kFreeAttempts + 1; i < wrong_in_a_row && delay < kMaxDelay; ++i) delay *= 2;
  return std::min(delay, kMaxDelay);
}

audit::Event of_kind(audit::Event event, std::string kind) {
  event.kind = std::move(kind);
  return event;
}

}  // namespace

std::shared_ptr<Vault> Slot::usable() const {
  const std::lock_guard lock(guard_);
  if (!vault_ || vault_->is_locked() || is_over(deadline_)) return nullptr;
  return vault_;
}

std::shared_ptr<Vault> Slot::peek() { return usable(); }

Result<std::shared_ptr<Vault>> Slot::get() {
  if (auto open = usable()) return open;
  const std::lock_guard lock(opening_);
  if (auto open = usable()) return open;  // Another thread was faster.
  TRY_ASSIGN(auto opened, Vault::open(options_));
  const std::lock_guard store(guard_);
  deadline_.reset();
  vault_ = std::move(opened);
  return vault_;
}

Result<std::shared_ptr<Vault>> Slot::get_or_create() {
  if (auto open = usable()) return open;
  const std::lock_guard lock(opening_);
  if (auto open = usable()) return open;
  TRY_ASSIGN(auto opened, Vault::open_or_create(options_));
  const std::lock_guard store(guard_);
  deadline_.reset();
  vault_ = std::move(opened);
  return vault_;
}

void Slot::close() {
  const std::lock_guard lock(opening_);
  std::shared_ptr<Vault> closing;
  {
    const std::lock_guard store(guard_);
    closing = std::move(vault_);
    deadline_.reset();
  }
  if (closing) closing->flush();
}

void Slot::set_deadline(Deadline deadline) {
  {
    const std::lock_guard lock(guard_);
    deadline_ = deadline;
  }
  if (on_deadline_) on_deadline_(deadline);
}

// The passphrase of a vault that is open already: only whether it is the right one.
Result<Status> Slot::check_again(const std::shared_ptr<Vault>& open,
                                 const LockedVault& facts,
                                 const Secret& passphrase) {
  TRY_ASSIGN(const auto key,
             load_key(facts.provider(), facts.root(), {options_.keys, &passphrase}));
  const MasterKeys master(facts.row().vault_id, key);
  auto status = open->status();
  if (status.kek_id == hex(bytes_of(master.kek_id()))) return status;
  return vault_unavailable(
      "wrong_key", "vault provider misconfigured: passphrase: wrong passphrase (decrypt failed)");
}

// Beside opening_: who asks for the vault meanwhile is told that it is locked.
Result<std::shared_ptr<Vault>> Slot::open_with(const Secret& passphrase) {
  const auto locks_before = locks_.load();
  TRY_ASSIGN(auto opened, Vault::open(options_, &passphrase));
  std::shared_ptr<Vault> vault = std::move(opened);
  const std::lock_guard lock(guard_);
  // Whoever locked it while we were at it means this one too.
  if (locks_ != locks_before) return vault_unavailable("vault_locked", "vault locked");
  vault_ = vault;
  return vault;
}

Error Slot::refuse_passphrase(Error error, LockedVault& facts, audit::Event who) {
  if (error.reason != "wrong_key") return error;
  ++wrong_in_a_row_;
  auto event = of_kind(std::move(who), "vault.unlock_failed");
  event.code = to_string(error.code);
  event.reason = error.reason;
  if (const auto open = usable()) {
    open->record(std::move(event), nullptr);
  } else {
    (void)facts.keep({std::move(event)});  // The refusal stands, recorded or not.
  }
  std::unique_lock lock(waiting_);
  stopped_.wait_for(lock, delay_after(wrong_in_a_row_), [this] { return stopping_; });
  return error;
}

Result<Status> Slot::unlock(const Secret* passphrase,
                            std::optional<std::chrono::milliseconds> lasts,
                            const audit::Event& who) {
  const std::lock_guard lock(unlocking_);
  TRY_ASSIGN(const auto facts, LockedVault::open(options_));
  if (facts->provider().kind != KeyProvider::Kind::passphrase) {
    TRY_ASSIGN(const auto vault, get());
    return vault->status();
  }
  if (passphrase == nullptr) {
    return invalid_request("record_invalid", "provide --passphrase or --passphrase-file");
  }
  if (lasts && (*lasts <= 0ms || *lasts > kMaxLasting)) {
    return invalid_request("record_invalid", "--for must be more than 0 and at most a year");
  }
  const auto open = usable();
  auto status = open ? check_again(open, *facts, *passphrase) : Result<Status>(Status());
  std::shared_ptr<Vault> vault = open;
  if (!open) {
    auto opened = open_with(*passphrase);
    if (opened) {
      vault = *std::move(opened);
      status = vault->status();
    } else {
      status = fail(std::move(opened).error());
    }
  }
  if (!status) return fail(refuse_passphrase(std::move(status).error(), *facts, who));
  wrong_in_a_row_ = 0;
  set_deadline(lasts ? Deadline(platform::BootClock::now() + *lasts) : std::nullopt);
  auto event = of_kind(who, "vault.unlock");
  if (lasts) event.note = "for " + std::to_string(lasts->count()) + " ms";
  vault->record(std::move(event), nullptr);
  return status;
}

// The record comes first if it can be had at once: afterwards there is no chain to append to.
void Slot::forget(const std::shared_ptr<Vault>& closing, audit::Event who) {
  if (!closing) return;
  const auto written = std::make_shared<std::promise<void>>();
  closing->record(of_kind(std::move(who), "vault.lock"),
                  [written](const Result<void>&) { written->set_value(); });
  (void)written->get_future().wait_for(kRecordWait);
  closing->lock();
  if (on_lock_) on_lock_();
}

Result<Status> Slot::lock(const audit::Event& who) {
  ++locks_;
  std::shared_ptr<Vault> closing;
  {
    const std::lock_guard lock(guard_);
    closing = std::move(vault_);
  }
  set_deadline(std::nullopt);
  forget(closing, who);
  const auto facts = LockedVault::open(options_);
  if (facts) return (*facts)->status();
  // It is locked, whether a full disk lets us look at it or not.
  if (facts.error().reason == "not_writable") return Vault::claimed_status(options_.location);
  return fail(facts.error());
}

void Slot::lock_overdue() {
  std::shared_ptr<Vault> closing;
  {
    const std::lock_guard lock(guard_);
    if (!is_over(deadline_)) return;
    closing = std::move(vault_);
    deadline_.reset();
  }
  audit::Event event;
  event.actor = "daemon";
  event.note = "the time of the unlock is over";
  forget(closing, std::move(event));
}

std::optional<UnixMs> Slot::unlocked_until() {
  const std::lock_guard lock(guard_);
  if (!vault_ || !deadline_) return std::nullopt;
  return wall_clock() + (*deadline_ - platform::BootClock::now());
}

bool Slot::is_unlocked() {
  const auto open = usable();
  return open && open->status().provider_type == "passphrase";
}

bool Slot::note_refusal(audit::Event event) {
  const std::lock_guard lock(guard_);
  if (refusals_.size() >= kMaxRefusals) return false;
  refusals_.push_back(std::move(event));
  return refusals_.size() == 1;
}

void Slot::write_refusals() {
  std::vector<audit::Event> events;
  {
    const std::lock_guard lock(guard_);
    events.swap(refusals_);
  }
  if (events.empty()) return;
  if (const auto open = usable()) {
    for (auto& event : events) open->record(std::move(event), nullptr);
    return;
  }
  if (const auto facts = LockedVault::open(options_)) (void)(*facts)->keep(events);
}

void Slot::stop() {
  {
    const std::lock_guard lock(waiting_);
    stopping_ = true;
  }
  stopped_.notify_all();
}

}  // namespace aivault::vault
