#include "vault/restore.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/encoding.h"
#include "crypto/keys.h"
#include "platform/put_in_place.h"
#include "platform/range_lock.h"
#include "store/schema.h"
#include "vault/creation.h"
#include "vault/keyring.h"
#include "vault/layout.h"
#include "vault/restore_key.h"
#include "vault/restore_receive.h"
#include "vault/restore_rows.h"
#include "vault/rotate_master_rows.h"
#include "vault/whole_check.h"

namespace aivault::vault {
namespace {

using Kind = KeyProvider::Kind;
using Hold = platform::RangeLock::Hold;

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

tl::unexpected<Error> exists(const std::string& root) {
  return invalid_request("exists", "vault already initialized at '" + root + "'");
}

// Nobody makes, opens or restores a vault there while this lives.
Result<platform::RangeLock> lock_out_others(const platform::Directory& directory) {
  TRY_ASSIGN(auto lock, open_lock_file(directory));
  TRY(wait_for(lock, kInitByte, Hold::exclusive));
  TRY(wait_for(lock, kOpenByte, Hold::exclusive));
  return lock;
}

// A directory beside the vault's, in which the new vault is made complete. What is left of it when
// restoring fails is removed.
class Workshop {
 public:
  static Result<Workshop> beside(const std::string& root, std::int64_t at_ms) {
    auto path = root + ".restoring-" + std::to_string(at_ms);
    struct stat facts{};
    if (::lstat(path.c_str(), &facts) == 0) {
      return vault_unavailable("busy", "vault busy: '" + path + "' is there already");
    }
    TRY_ASSIGN(auto directory, platform::Directory::open_or_make(path));
    return Workshop(std::move(directory));
  }
  Workshop(Workshop&& other) noexcept
      : directory_(std::move(other.directory_)), path_(std::exchange(other.path_, {})) {}
  Workshop& operator=(Workshop&&) = delete;
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop() {
    if (path_.empty()) return;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const platform::Directory& directory() const { return directory_; }
  void keep() { path_.clear(); }

 private:
  explicit Workshop(platform::Directory directory)
      : directory_(std::move(directory)), path_(directory_.path()) {}
  platform::Directory directory_;
  std::string path_;
};

struct Built {
  VaultRow vault;
  KeyProvider provider;
  std::vector<std::string> archived_files;
  std::string other_key;  // A sentence; empty: the archived key, or the one that was asked for.
};

// The vault as `kRestoredName` of one directory: received, checked, adjusted, checked again.
class Building {
 public:
  // `directory`: where it is built; `root`: where it will be.
  Building(const RestoreRequest& request,
           const platform::Directory& directory,
           const platform::Directory& root)
      : request_(request), directory_(directory), root_(root) {}

  Result<Built> build(std::shared_ptr<const Keyring>& keys) {
    TRY_ASSIGN(contents_, receive_archive(request_, directory_));
    if (contents_.manifest.schema > store::kSchemaVersion) {
      return vault_unavailable("newer_format",
                               "vault format " + std::to_string(contents_.manifest.schema) +
                                   " is newer than this program");
    }
    TRY_ASSIGN(auto database,
               store::Database::open(directory_.path() + "/" + std::string(kRestoredName)));
    TRY_ASSIGN(auto whole, first_check(database));
    if (whole.checked.vault.vault_id != contents_.manifest.vault_id ||
        whole.checked.state.counter != contents_.manifest.counter) {
      return invalid_request("record_invalid",
                             "archive damaged: it is not what it says; nothing was changed");
    }
    TRY_ASSIGN(const auto plan,
               plan_key(request_, whole.checked.provider, root_, whole.checked.keys->master()));
    if (plan.master) {
      TRY(give_key(database, whole.checked, plan));
      const auto keys_now = std::make_shared<Keyring>(plan.master);
      TRY_ASSIGN(whole, check(database, keys_now));
    }
    TRY(adjust_rows(database, whole.checked, {plan.provider.json(), plan.master, event(whole)}));
    TRY_ASSIGN(whole, check(database, whole.checked.keys));
    // Said before others can open it: to switch needs the file for oneself.
    TRY(database.use_wal());
    keys = whole.checked.keys;
    return Built{std::move(whole.checked.vault),
                 plan.provider,
                 std::move(whole.archived_files),
                 other_key_notice(plan)};
  }

 private:
  // Whoever restores must not learn at the next start that another key opens the vault.
  std::string other_key_notice(const KeyPlan& plan) const {
    if (!plan.master) return "";
    if (plan.provider.kind != Kind::passphrase) {
      return "This vault has another key than in the archive now: that of " +
             plan.provider.source(root_);
    }
    const bool has_its_own = request_.vault_passphrase != nullptr ||
                             (request_.provider && request_.provider->passphrase);
    return has_its_own ? "" : "The passphrase of the archive opens this vault now";
  }

  std::shared_ptr<const Keyring> ring_of(const Secret& key) const {
    return std::make_shared<Keyring>(
        std::make_shared<const MasterKeys>(contents_.manifest.vault_id, key));
  }

  Result<Whole> first_check(store::Database& database) const {
    if (contents_.kek) return check(database, ring_of(*contents_.kek));
    auto whole = check(database, nullptr);
    if (whole || !request_.provider) return whole;
    // The key may be where it is to be from now on.
    const auto& options = request_.options;
    TRY_ASSIGN(const auto provider,
               KeyProvider::of(*request_.provider, root_, options.location.default_key_file));
    const auto* passphrase =
        request_.provider->passphrase ? &*request_.provider->passphrase : nullptr;
    const auto key = load_key(provider, root_, KeyInput{options.keys, passphrase});
    if (!key) return whole;
    auto again = check(database, ring_of(*key));
    return again ? std::move(again) : std::move(whole);
  }

  // Without an archived key it comes from its provider.
  Result<Whole> check(store::Database& database,
                      const std::shared_ptr<const Keyring>& known) const {
    const auto* passphrase =
        request_.vault_passphrase != nullptr ? request_.vault_passphrase : &request_.passphrase;
    return check_whole(database, root_, KeyInput{request_.options.keys, passphrase}, known);
  }

  Result<void> give_key(store::Database& database, const Checked& checked, const KeyPlan& plan) {
    TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
    auto who = request_.who;
    who.kind = "vault.rotate_master_key";
    TRY_ASSIGN(auto rewritten,
               rewrite_rows(database,
                            {*checked.keys, *checked.revisions, checked.state},
                            {plan.master, plan.provider.json(), std::nullopt},
                            std::move(who),
                            "; by restore",
                            wall_clock()));
    TRY(verify_rewritten(database, *plan.master, rewritten));
    return transaction.commit();
  }

  audit::Event event(const Whole& whole) const {
    auto event = request_.who;
    event.kind = "vault.restore";
    event.note = "archive of " + rfc3339(contents_.header.created_at) + ", counter " +
                 std::to_string(contents_.manifest.counter) + ", version " +
                 contents_.manifest.program_version + ", " + std::to_string(whole.secrets) +
                 " secrets, key " + hex(bytes_of(whole.checked.vault.kek_id));
    return event;
  }

  const RestoreRequest& request_;
  const platform::Directory& directory_;
  const platform::Directory& root_;
  ArchiveReader::Contents contents_;
};

void say_what_is_left(const Built& built,
                      const std::string& root,
                      const std::string& moved_to,
                      std::vector<std::string>& notices) {
  if (!moved_to.empty()) notices.push_back("The vault that was there is in '" + moved_to + "' now");
  if (!built.other_key.empty()) notices.push_back(built.other_key);
  if (!built.archived_files.empty()) {
    notices.push_back(std::to_string(built.archived_files.size()) +
                      " older files of the audit are not part of an archive; copy them into '" +
                      root + "/audit' (directory 0700, files 0400)");
  }
}

Status status_of(const Built& built) {
  Status status;
  status.enabled = true;
  status.provider_type = std::string(built.provider.type());
  status.locked = built.provider.kind == Kind::passphrase;
  status.kek_id = hex(bytes_of(built.vault.kek_id));
  return status;
}

Result<Restored> restore_beside(const RestoreRequest& request, std::int64_t at_ms) {
  TRY_ASSIGN(const auto old, platform::Directory::open(request.options.location.root));
  TRY_ASSIGN(const auto old_lock, lock_out_others(old));
  TRY_ASSIGN(auto workshop, Workshop::beside(old.path(), at_ms));
  const auto& directory = workshop.directory();
  TRY_ASSIGN(const auto new_lock, lock_out_others(directory));
  std::shared_ptr<const Keyring> keys;
  TRY_ASSIGN(const auto built, Building(request, directory, old).build(keys));
  TRY(directory.rename(kRestoredName, kDatabaseName));
  TRY(keep_header(directory, built.vault));
  KeyPlacement placement(built.provider, directory, old.path(), built.vault.vault_id, at_ms);
  TRY(placement.prepare(keys->master()));

  const auto aside = old.path() + ".before-restore-" + std::to_string(at_ms);
  auto placed = platform::Placed::nothing;
  auto done = platform::put_in_place(directory.path(), old.path(), aside, placed);
  if (placed == platform::Placed::nothing) return fail(std::move(done).error());
  workshop.keep();  // Whatever has its name now.
  Restored restored{status_of(built), {}};
  const auto& moved_to = placed == platform::Placed::all ? aside : directory.path();
  say_what_is_left(built, old.path(), moved_to, restored.notices);
  placement.finish(restored.notices);
  return restored;
}

Result<Restored> restore_here(const RestoreRequest& request, std::int64_t at_ms) {
  TRY_ASSIGN(const auto root, platform::Directory::open_or_make(request.options.location.root));
  TRY_ASSIGN(const auto lock, lock_out_others(root));
  if (root.has(kDatabaseName) || root.has(kHeaderName)) return exists(root.path());
  if (root.has(kWalName)) {
    return vault_unavailable(
        "damaged",
        "vault damaged: '" + root.path() + "' holds a write-ahead log without a database");
  }
  std::shared_ptr<const Keyring> keys;
  auto built = Building(request, root, root).build(keys);
  if (!built) {
    remove_received(root);
    return fail(std::move(built).error());
  }
  KeyPlacement placement(built->provider, root, root.path(), built->vault.vault_id, at_ms);
  if (auto prepared = placement.prepare(keys->master()); !prepared) {
    remove_received(root);
    return fail(std::move(prepared).error());
  }
  TRY(root.rename(kRestoredName, kDatabaseName));
  (void)keep_header(root, built->vault);  // A vault works without it.
  Restored restored{status_of(*built), {}};
  say_what_is_left(*built, root.path(), "", restored.notices);
  placement.finish(restored.notices);
  return restored;
}

}  // namespace

Result<Restored> restore(const RestoreRequest& request) {
  const auto& location = request.options.location;
  const auto at_ms = to_int(wall_clock());
  if (!Vault::exists(location)) return restore_here(request, at_ms);
  if (request.existing == ExistingVault::refuse) return exists(location.root);
  return restore_beside(request, at_ms);
}

}  // namespace aivault::vault
