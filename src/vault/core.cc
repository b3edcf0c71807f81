#include "vault/core.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "vault/layout.h"
#include "vault/reserve.h"

namespace aivault::vault {
namespace {

constexpr std::size_t kMaxProblems = 1000;

tl::unexpected<Error> locked() { return vault_unavailable("vault_locked", "vault locked"); }

}  // namespace

Result<std::unique_ptr<Core>> Core::open(platform::Directory root,
                                         platform::RangeLock lock,
                                         const KeyInput& input) {
  std::unique_ptr<Core> core(new Core(std::move(root), std::move(lock), input.sources));
  TRY_ASSIGN(const auto facts, core->root_.look(kDatabaseName));
  if (!facts) {
    return vault_unavailable("damaged",
                             "vault damaged: '" + core->root_.path() +
                                 "' has a header but no database; run `aivault "
                                 "restore` with a backup");
  }
  for (const auto* name : {kHeaderName, kDatabaseName}) core->root_.tighten(name);
  core->device_ = facts->st_dev;
  core->inode_ = facts->st_ino;
  TRY_ASSIGN(auto database, core->connect());
  TRY_ASSIGN(const auto transaction, store::Transaction::begin(database, store::Kind::read));
  TRY_ASSIGN(auto checked, check_in_full(database, core->root_, input, nullptr));
  core->generation_ = checked.state.counter;
  (void)keep_header(core->root_, checked.vault);  // A vault works without it.
  TRY(core->adopt(std::move(checked)));
  return core;
}

Result<store::Database> Core::connect() const {
  // The names that SQLite opens by path are those that were just looked at.
  for (const auto* name : {kDatabaseName, kWalName, kShmName}) TRY(root_.look(name));
  const auto free_reserve = [&] { return Reserve(root_).release(); };
  TRY_ASSIGN(auto database,
             store::Database::open(root_.path() + "/" + kDatabaseName, free_reserve));
  TRY_ASSIGN(const auto facts, root_.look(kDatabaseName));
  if (!facts || facts->st_dev != device_ || facts->st_ino != inode_ || database.has_moved()) {
    return vault_unavailable("row_integrity",
                             "row integrity check failed: vault.db: it is another file");
  }
  return database;
}

Result<void> Core::refuse_for_good(const std::string& what) {
  Error error{ErrorCode::vault_unavailable,
              "row_integrity",
              "row integrity check failed: vault.db: " + what,
              0};
  {
    const std::lock_guard lock(guard_);
    refused_ = error;
  }
  report({"vault", kDatabaseName, error.message});
  return fail(std::move(error));
}

void Core::lock_keys() {
  locked_ = true;
  const std::lock_guard lock(writing_);
  forget_keys();
}

// For the holder of writing().
void Core::forget_keys() {
  locked_ = true;
  const std::lock_guard lock(guard_);
  memory_.keys.reset();
}

Result<void> Core::check_in_place() {
  if (locked_) return locked();
  {
    const std::lock_guard lock(guard_);
    if (refused_) return fail(*refused_);
  }
  struct stat facts{};
  if (::fstatat(root_.descriptor(), kDatabaseName, &facts, AT_SYMLINK_NOFOLLOW) != 0 ||
      facts.st_dev != device_ || facts.st_ino != inode_) {
    return refuse_for_good("it was replaced or removed");
  }
  return {};
}

Result<View> Core::begin(store::Database& database) const {
  const auto remembered = copy_of_memory();
  if (!remembered.keys) return locked();
  Revisions::Pin pin(*remembered.revisions);
  TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::read));
  TRY_ASSIGN(const auto counter, store::load_counter(database));
  return View{remembered.keys,
              remembered.revisions,
              std::move(pin),
              remembered.state.last_ts_ms,
              counter,
              std::move(transaction)};
}

Result<View> Core::enter(store::Database& database) {
  TRY(check_in_place());
  {
    TRY_ASSIGN(auto view, begin(database));
    if (view.revisions->covers(view.counter)) return view;
  }
  return enter_anew(database);
}

// Somebody else has committed. What they wrote is checked within the snapshot that is returned.
Result<View> Core::enter_anew(store::Database& database) {
  const std::lock_guard lock(writing_);
  TRY_ASSIGN(auto view, begin(database));
  if (view.revisions->covers(view.counter)) return view;  // Another reader was faster.
  TRY(catch_up(database));
  return View{memory_.keys,
              memory_.revisions,
              Revisions::Pin(*memory_.revisions),
              memory_.state.last_ts_ms,
              memory_.state.counter,
              std::move(view.transaction)};
}

Result<std::int64_t> Core::generation(store::Database& database) {
  TRY(check_in_place());
  TRY_ASSIGN(const auto counter, store::load_counter(database));
  {
    const std::lock_guard lock(guard_);
    if (memory_.revisions->covers(counter)) return generation_;
  }
  TRY(enter_anew(database));
  const std::lock_guard lock(guard_);
  return generation_;
}

Result<void> Core::catch_up(store::Database& database) {
  if (!memory_.keys) return locked();
  TRY_ASSIGN(const auto state, store::load_state(database));
  if (state == memory_.state) return {};
  if (state.counter < memory_.state.counter) return refuse_for_good("it was rolled back");
  auto checked = check_in_full(database, root_, {sources_}, memory_.keys);
  if (!checked) {
    // Somebody has re-keyed it, and the new key cannot be had without asking for it.
    if (checked.error().reason == "vault_locked") forget_keys();
    return fail(std::move(checked).error());
  }
  return adopt(*std::move(checked));
}

Result<void> Core::adopt(Checked checked) {
  const std::lock_guard lock(guard_);
  if (memory_.keys && memory_.keys->vault_id() != checked.keys->vault_id()) {
    return vault_unavailable("row_integrity",
                             "row integrity check failed: vault.db: it is another vault");
  }
  // Rows that are the same as before need no new snapshot of the modules above.
  if (!(checked.digest == memory_.digest)) ++generation_;
  memory_ = {std::move(checked.keys),
             std::move(checked.revisions),
             std::move(checked.state),
             checked.digest,
             std::string(checked.provider.type()),
             checked.vault.kek_id};
  return {};
}

void Core::committed(store::StateRow state, Digest digest, bool objects_changed) {
  const std::lock_guard lock(guard_);
  memory_.revisions->commit(state.counter);
  memory_.state = std::move(state);
  memory_.digest = digest;
  if (objects_changed) ++generation_;
}

Memory Core::copy_of_memory() const {
  const std::lock_guard lock(guard_);
  return memory_;
}

std::shared_ptr<const Keyring> Core::keys() const {
  const std::lock_guard lock(guard_);
  return memory_.keys;
}

void Core::report(const Problem& problem) {
  std::function<void(const Problem&)> listener;
  {
    const std::lock_guard lock(notes_);
    const bool known = std::ranges::any_of(problems_, [&](const Problem& other) {
      return other.kind == problem.kind && other.id == problem.id;
    });
    if (known || problems_.size() >= kMaxProblems) return;
    problems_.push_back(problem);
    listener = listener_;
  }
  if (listener) listener(problem);
}

std::vector<Problem> Core::problems() const {
  const std::lock_guard lock(notes_);
  return problems_;
}

void Core::on_problem(std::function<void(const Problem&)> listener) {
  const std::lock_guard lock(notes_);
  listener_ = std::move(listener);
}

void Core::mark_used(const SecretId& id, UnixMs at) {
  const std::lock_guard lock(notes_);
  auto& usage = usage_[id];
  ++usage.uses;
  usage.last = std::max(usage.last, at);
}

std::map<SecretId, Core::Usage> Core::take_usage() {
  const std::lock_guard lock(notes_);
  return std::exchange(usage_, {});
}

void Core::give_back(std::map<SecretId, Usage> usage) {
  const std::lock_guard lock(notes_);
  for (const auto& [id, used] : usage) {
    auto& known = usage_[id];
    known.uses += used.uses;
    known.last = std::max(known.last, used.last);
  }
}

}  // namespace aivault::vault
