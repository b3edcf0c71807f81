#include "vault/rotate_master.h"

#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "audit/log.h"
#include "crypto/key_text.h"
#include "crypto/keys.h"
#include "platform/key_file_changes.h"
#include "vault/creation.h"
#include "vault/draft.h"
#include "vault/layout.h"
#include "vault/open_vault.h"
#include "vault/row_reader.h"

namespace aivault::vault {
namespace {

using Kind = KeyProvider::Kind;

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

tl::unexpected<Error> unavailable(const std::string& path, const std::string& what) {
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: file '" + path + "': " + what);
}

bool is_there(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) == 0;
}

// The one row of `vault`, verified.
Result<VaultRow> vault_row(store::Database& database, Judge& judge) {
  RowReader rows(database, judge);
  TRY_ASSIGN(const auto row, rows.find(store::Table::vault, "1"));
  if (!row) return vault_unavailable("damaged", "vault damaged: its first row is missing");
  return vault_from(*row);
}

Result<KeyProvider> provider_after(const KeyProvider& before,
                                   const NewMaster& wanted,
                                   const platform::Directory& root) {
  ProviderChoice choice;
  if (wanted.provider) {
    const auto& asked = *wanted.provider;
    choice.kind = asked.kind;
    choice.file_path = asked.file_path;
    choice.env_var = asked.env_var;
    choice.credential_name = asked.credential_name;
    choice.key_description = asked.key_description;
    choice.keychain_service = asked.keychain_service;
    choice.keychain_account = asked.keychain_account;
  } else if (wanted.passphrase || before.kind == Kind::passphrase) {
    choice.kind = Kind::passphrase;  // With a new salt.
  } else {
    return before;
  }
  const bool stays = choice.kind == Kind::file && choice.file_path.empty();
  if (stays && before.kind == Kind::file) return before;
  return KeyProvider::of(choice, root, wanted.default_key_file);
}

Result<void> check_sources(const KeyProvider& after, const NewMaster& wanted) {
  if (wanted.key && wanted.passphrase) {
    return invalid("provide only one of --new-key or --new-passphrase");
  }
  if (after.kind == Kind::passphrase) {
    if (!wanted.passphrase) return invalid("new_passphrase required for --provider passphrase");
    return {};
  }
  if (wanted.passphrase) return invalid("--new-passphrase belongs to --provider passphrase only");
  if (after.kind == Kind::env || after.kind == Kind::systemd_creds) {
    if (!wanted.key) {
      return invalid(
          "new_key required: this provider cannot store a key; give one with "
          "--new-key-file");
    }
  }
  return {};
}

Result<Secret> given_key(const Secret& text) {
  if (auto key = crypto::parse_key(text)) return std::move(*key);
  return invalid("a key is 32 bytes as base64 or 64 hex digits, and not all bytes are equal");
}

// The file that is to hold the key from now on may be there: an unused key that fits is adopted.
Result<void> choose_file_key(RotationPlan& plan,
                             std::optional<Secret> given,
                             const platform::Directory& root) {
  std::optional<Secret> existing;
  if (!plan.same_file()) {
    const auto file = key_file_of(plan.after, root, plan.present.vault_id);
    TRY_ASSIGN(existing, read_key_file(file.path, file.owner));
    if (existing && given && !(*existing == *given)) {
      return unavailable(file.path, "it holds another key; it is not overwritten");
    }
  }
  plan.adopted = existing.has_value();
  if (existing) {
    plan.key = std::move(*existing);
  } else {
    plan.key = given ? std::move(*given) : crypto::random_key();
  }
  return {};
}

class Rotation {
 public:
  Rotation(const RotationPlan& plan, Core& core, store::Database& database)
      : plan_(plan),
        core_(core),
        database_(database),
        root_(core.root()),
        before_(key_file_of(plan.before, root_, plan.present.vault_id)),
        after_(key_file_of(plan.after, root_, plan.present.vault_id)) {}

  Result<std::vector<std::string>> run(const audit::Event& who) {
    TRY_ASSIGN(const auto lock, open_lock_file(root_));
    TRY(wait_for(lock, kKeysByte, platform::RangeLock::Hold::exclusive));
    auto committed = commit(who);
    if (!committed) {
      if (staged_ && !commit_tried_) {
        (void)destroy_key(after_.staged(), after_.owner, crypto::key_id(plan_.key));
      }
      return fail(std::move(committed).error());
    }
    // It is done: what fails from here on is said, and finished at the next open.
    if (auto done = activate(); !done) {
      notices_.push_back("The new key is in force and is in '" + after_.staged() +
                         "': " + done.error().message);
    }
    if (auto done = keep_header(root_, vault_); !done) {
      notices_.push_back(
          "The new key is in force; the header of the vault is written when it is "
          "opened again: " +
          done.error().message);
    }
    (void)database_.truncate_wal();  // The writer tries again.
    if (auto done = check_anew(); !done) {
      notices_.push_back(
          "The new key is in force, but the vault could not be opened anew to see "
          "that; the old key file stays until it is opened again: " +
          done.error().message);
    } else if (done = retire(); !done) {
      notices_.push_back("The old key file stays until the vault is opened again: " +
                         done.error().message);
    }
    say_what_to_do();
    return std::move(notices_);
  }

 private:
  // Steps 2 to 5: until here nothing but the staged file has changed.
  Result<void> commit(const audit::Event& who) {
    TRY_ASSIGN(auto transaction, store::Transaction::begin(database_, store::Kind::write));
    TRY(core_.catch_up(database_));
    const auto now = wall_clock();
    Draft draft(database_, core_, now);
    TRY_ASSIGN(vault_, vault_row(database_, draft));
    if (vault_.kek_id != plan_.present.kek_id || vault_.provider != plan_.present.provider) {
      return invalid_request("changed", "the vault got another key meanwhile");
    }
    const auto& memory = core_.memory();
    NextKey next{std::make_shared<const MasterKeys>(vault_.vault_id, plan_.key),
                 plan_.after.json(),
                 std::nullopt};
    const bool same_key = crypto::equal(next.master->kek_id(), vault_.kek_id);
    if (plan_.of_unused) {
      TRY(check_never_used(core_, database_));
    } else if (same_key) {
      return invalid("the new key is the one that the vault has");
    }
    TRY(prepare_old_file(same_key));
    if (plan_.from_file() && !left_in_place_) {
      next.retire =
          plan_.before.path + (plan_.same_file() ? "." + before_.vault + ".old" : std::string());
    }
    TRY(stage());
    TRY_ASSIGN(auto rewritten,
               rewrite_rows(database_,
                            {*memory.keys, *memory.revisions, memory.state},
                            next,
                            who,
                            left_in_place_ ? "; left in place: '" + before_.path + "'" : "",
                            now));
    {
      // What will open the vault: read back from where it is, derived anew.
      TRY_ASSIGN(const auto key, key_alone());
      const MasterKeys alone(vault_.vault_id, key);
      TRY(verify_rewritten(database_, alone, rewritten));
    }
    TRY_ASSIGN(auto checked,
               check_in_full(database_, root_, KeyInput{core_.sources()}, rewritten.keys));
    commit_tried_ = true;
    TRY(transaction.commit());
    vault_ = std::move(rewritten.vault);
    keys_ = rewritten.keys;
    (void)core_.adopt(std::move(checked));  // Of the same vault; nothing else can fail.
    return {};
  }

  Result<void> prepare_old_file(bool same_key) {
    if (!plan_.from_file()) return {};
    TRY_ASSIGN(const auto users, key_users(before_, vault_.vault_id, root_.path()));
    if (users.other && plan_.same_file()) {
      return unavailable(before_.path,
                         "the vault in '" + *users.other +
                             "' uses it too; name another file with --file-path, or remove '" +
                             before_.list() + "' if that vault is gone");
    }
    // Of a vault that was never used, nobody asked for the key to go.
    left_in_place_ = users.other || (plan_.of_unused && (same_key || !users.made_by_us));
    if (!plan_.same_file()) return {};
    // A file that holds neither the present key nor nothing at all is not ours to replace.
    TRY_ASSIGN(const auto present, read_key_file(before_.path, before_.owner));
    if (present && !crypto::equal(crypto::key_id(*present), vault_.kek_id)) {
      return unavailable(before_.path, "it holds another key than the one in use");
    }
    if (present) TRY(settle_key_files(vault_, root_));
    for (const auto& path : {before_.staged(), before_.retired()}) {
      if (is_there(path)) return unavailable(path, "it is not a key of this vault; move it aside");
    }
    return {};
  }

  Result<void> stage() {
    if (!plan_.to_file() || plan_.adopted) return {};
    if (!plan_.same_file() && is_there(after_.staged())) {
      TRY_ASSIGN(const auto users, key_users(after_, vault_.vault_id, root_.path()));
      if (users.other) {
        return unavailable(after_.staged(), "it belongs to the vault in '" + *users.other + "'");
      }
      // Of a rotation that was cut short before it was committed: never in force.
      TRY(destroy_staged(after_));
    }
    TRY(stage_key(after_.staged(), after_.owner, plan_.key));
    staged_ = true;
    return {};
  }

  Result<Secret> key_alone() const {
    if (!plan_.to_file()) return plan_.key.clone();
    const auto path = plan_.adopted ? after_.path : after_.staged();
    TRY_ASSIGN(auto key, read_key_file(path, after_.owner));
    if (!key) return unavailable(path, "it is gone");
    return std::move(*key);
  }

  Result<void> activate() {
    if (!plan_.to_file()) return {};
    if (!plan_.adopted) {
      if (plan_.same_file() && is_there(after_.path)) {
        TRY(platform::move_key_file(after_.path, after_.retired()));
      } else if (is_there(after_.path)) {
        return unavailable(after_.path, "a file of that name was made meanwhile");
      }
      TRY(platform::move_key_file(after_.staged(), after_.path));
    }
    if (plan_.same_file()) return {};
    return note_key_user(
        after_, vault_.vault_id, root_.path(), plan_.adopted ? KeyUse::adopted : KeyUse::made);
  }

  Result<void> check_anew() {
    TRY_ASSIGN(auto second, core_.connect());
    TRY_ASSIGN(const auto transaction, store::Transaction::begin(second, store::Kind::read));
    // A key that is in a file is loaded from there.
    TRY(check_in_full(second,
                      root_,
                      KeyInput{core_.sources()},
                      plan_.to_file() ? std::shared_ptr<const Keyring>() : keys_));
    return {};
  }

  Result<void> retire() {
    TRY_ASSIGN(const auto settled, settle_key_files(vault_, root_));
    if (left_in_place_) TRY(forget_key_user(before_, vault_.vault_id, root_.path()));
    if (!settled.done || !vault_.retire) return {};
    if (!settled.left.empty()) {
      notices_.push_back("'" + settled.left + "' was left as it is: it is not the old key");
    }
    return clear_retire(core_, database_, {});
  }

  void say_what_to_do() {
    if (left_in_place_) {
      notices_.push_back("The old key file '" + before_.path +
                         "' is left in place: another vault may use it");
    }
    if (plan_.after.kind == Kind::env) {
      notices_.push_back("Put the new key into " + plan_.after.name +
                         " before aivaultd starts again: the old one opens this vault no longer");
    } else if (plan_.after.kind == Kind::systemd_creds) {
      notices_.push_back("Seal the new key with systemd-creds encrypt --name=" + plan_.after.name +
                         " and load it in the unit before aivaultd starts again: the old one opens"
                         " this vault no longer");
    } else if (plan_.after.kind == Kind::passphrase) {
      notices_.emplace_back(
          "From now on the new passphrase unlocks this vault; a lasting aivaultd keeps it unlocked "
          "until `aivault lock` or its end");
    }
  }

 public:
  static Result<void> clear_retire(Core& core,
                                   store::Database& database,
                                   const std::vector<audit::Event>& events) {
    TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
    TRY(core.catch_up(database));
    Draft draft(database, core, wall_clock());
    TRY_ASSIGN(auto vault, vault_row(database, draft));
    if (!vault.retire) return {};
    vault.retire.reset();
    TRY(draft.put(store::Table::vault, to_row(vault), nullptr));
    TRY(draft.finish(events));
    return publish(core, draft, std::move(transaction));
  }

 private:
  const RotationPlan& plan_;
  Core& core_;
  store::Database& database_;
  const platform::Directory& root_;
  KeyFile before_, after_;
  VaultRow vault_;
  std::shared_ptr<const Keyring> keys_;
  bool staged_ = false, commit_tried_ = false;
  bool left_in_place_ = false;  // The old key file: another vault may use it.
  std::vector<std::string> notices_;
};

}  // namespace

Result<RotationPlan> plan_rotation(const VaultRow& present,
                                   NewMaster wanted,
                                   const platform::Directory& root,
                                   const KeySources& sources) {
  RotationPlan plan;
  plan.present = present;
  TRY_ASSIGN(plan.before, KeyProvider::parse(present.provider));
  if (wanted.key && wanted.passphrase) {
    return invalid("provide only one of --new-key or --new-passphrase");
  }
  TRY_ASSIGN(plan.after, provider_after(plan.before, wanted, root));
  TRY(check_sources(plan.after, wanted));
  std::optional<Secret> given;
  if (wanted.key) {
    TRY_ASSIGN(given, given_key(*wanted.key));
  }
  switch (plan.after.kind) {
    case Kind::file: TRY(choose_file_key(plan, std::move(given), root)); break;
    case Kind::env:
    case Kind::systemd_creds: plan.key = std::move(*given); break;
    case Kind::passphrase:
    case Kind::keyring:
    case Kind::macos_keychain: {
      const auto* passphrase = wanted.passphrase ? &*wanted.passphrase : nullptr;
      TRY_ASSIGN(auto made, adopt_or_make_key(plan.after, root, KeyInput{sources, passphrase}));
      plan.key = std::move(made.key);
      break;
    }
  }
  return plan;
}

Result<RotationPlan> plan_for_unused(const VaultRow& present,
                                     const ProviderChoice& choice,
                                     const Options& options,
                                     const platform::Directory& root) {
  RotationPlan plan;
  plan.present = present;
  plan.of_unused = true;
  TRY_ASSIGN(plan.before, KeyProvider::parse(present.provider));
  TRY_ASSIGN(plan.after, KeyProvider::of(choice, root, options.location.default_key_file));
  if (plan.to_file()) {
    TRY(choose_file_key(plan, std::nullopt, root));
    return plan;
  }
  const auto* passphrase = choice.passphrase ? &*choice.passphrase : nullptr;
  TRY_ASSIGN(auto made, adopt_or_make_key(plan.after, root, KeyInput{options.keys, passphrase}));
  plan.key = std::move(made.key);
  return plan;
}

Result<void> check_never_used(Core& core, store::Database& database) {
  using store::Table;
  const auto& revisions = *core.memory().revisions;
  bool used = false;
  for (const auto table : store::kTables) {
    if (table == Table::vault || table == Table::vault_keys || table == Table::settings) continue;
    used = used || revisions.count(table) > 0;
  }
  TRY_ASSIGN(const bool history, audit::has_history(database));
  if (!used && !history) return {};
  return invalid_request("exists", "vault already initialized at '" + core.root().path() + "'");
}

Result<std::vector<std::string>> rotate(const RotationPlan& plan,
                                        Core& core,
                                        store::Database& database,
                                        const audit::Event& who) {
  return Rotation(plan, core, database).run(who);
}

Result<VaultRow> present_row(Core& core, store::Database& database) {
  TRY_ASSIGN(const auto transaction, store::Transaction::begin(database, store::Kind::read));
  TRY(core.catch_up(database));
  Draft draft(database, core, wall_clock());
  return vault_row(database, draft);
}

Result<void> finish_rotation(Core& core, store::Database& database) {
  TRY_ASSIGN(const auto vault, present_row(core, database));
  TRY_ASSIGN(const auto settled, settle_at_open(database, vault, core.root()));
  if (!settled.done || !vault.retire) return {};
  std::vector<audit::Event> events;
  if (!settled.left.empty()) {
    auto& event = events.emplace_back();
    event.kind = "vault.rotate_master_key";
    event.actor = "daemon";
    event.note = "left as it is: '" + settled.left + "' is not the old key";
  }
  return Rotation::clear_retire(core, database, events);
}

Result<MasterRotated> OpenVault::rotate_master(NewMaster wanted, audit::Event who) {
  VaultRow present;
  const auto look = [&](Core& core, store::Database& database) -> Result<void> {
    TRY_ASSIGN(present, present_row(core, database));
    return {};
  };
  TRY(writer_.exclusive(look));
  TRY_ASSIGN(const auto plan,
             plan_rotation(present, std::move(wanted), core_->root(), core_->sources()));
  MasterRotated rotated;
  const auto work = [&](Core& core, store::Database& database) -> Result<void> {
    TRY_ASSIGN(rotated.notices, rotate(plan, core, database, who));
    return {};
  };
  TRY(writer_.exclusive(work));
  rotated.status = status();
  return rotated;
}

}  // namespace aivault::vault
