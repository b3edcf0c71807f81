// Vault: one open vault. Every row read is verified before it is returned; every change is one
// transaction with its seals, its counter and its audit record: both or neither.
// Thread: any; changes and call records run one after another on a writer thread of the vault's
// own (group commit), reads use connections of their own. Calls block for at most 10 s.
// Errors: vault_unavailable with the reasons of docs/vault.md (vault_locked, wrong_key,
// key_unavailable, row_integrity, damaged, not_writable, audit_unavailable, busy, secret_missing,
// secret_malformed, newer_format, ...), invalid_request exists | changed | not_found |
// record_invalid, policy_violation secret_not_accessible.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "base/secret.h"
#include "vault/options.h"
#include "vault/rows.h"
#include "vault/scope.h"

namespace aivault::vault {

struct BackupRequest;
struct BackupDone;

// VaultStatus of the command line.
struct Status {
  bool enabled = false;
  std::optional<std::string> provider_type;  // "file"
  bool locked = true;
  std::optional<std::string> kek_id;  // 64 hex digits.
  bool writable = true;
  bool audit_writable = true;  // The last record was written, and there is room for more.
  std::optional<std::string> key_variable = {};  // Of claimed_status(), for the env provider.
};

// What rotate-master is asked for: at most one of `key` and `passphrase`.
struct NewMaster {
  std::optional<Secret> key;         // As a key file holds it. Absent: generated, for `file` only.
  std::optional<Secret> passphrase;  // Makes the vault one of the provider `passphrase`.
  std::optional<ProviderChoice> provider;  // Absent: as it is. Its passphrase is not looked at.
  std::string default_key_file;            // For a vault that had no key file; absolute.
};
struct MasterRotated {
  Status status;
  std::vector<std::string> notices;  // Sentences: what to put where, what was left in place.
};

// What `recover` keeps and drops of a vault whose rows and their seal do not agree.
enum class Acceptance : std::uint8_t { dry_run, accepted };
struct Recovery {
  bool damaged = false;   // Else there is nothing to recover, and nothing was done.
  bool accepted = false;  // Done, not only looked at.
  std::map<std::string, std::int64_t> kept;  // Number of rows by noun.
  std::vector<Problem> dropped;              // Every row that goes, and why.
  std::int64_t audit_rows = 0, audit_missing = 0;
  std::string copy;  // The database as it was: a file in the vault directory.
};

// Verified reads, all of one moment. Valid inside the function that receives it.
class Reader {
 public:
  virtual ~Reader() = default;

  virtual Result<std::optional<SecretRecord>> secret(const SecretId& id) = 0;
  // Live secrets only; matches name or alias in exactly this scope.
  virtual Result<std::optional<SecretRecord>> secret_by_name(const Scope& scope,
                                                             std::string_view name) = 0;
  // Sorted by (name bytes, id), revoked ones included; at most `limit` after that pair. A row on
  // the way that fails its check is left out and appended to `damaged`, by the first page also
  // those that are missing.
  struct After {
    std::string name;
    std::string id;
  };
  virtual Result<std::vector<SecretRecord>> secrets(const SecretFilter& filter,
                                                    const std::optional<After>& after,
                                                    std::size_t limit,
                                                    std::vector<Problem>& damaged) = 0;
  // Secrets of people that expire within `notice` from `now` or the vault's latest time, whichever
  // is later, or are due for rotation; at most `limit`. By index and one scan: opens no others.
  virtual Result<DueSecrets> due_secrets(UnixMs now,
                                         std::chrono::milliseconds notice,
                                         std::size_t limit,
                                         std::vector<Problem>& damaged) = 0;

  // One scan of all secrets: for whoever keeps the answer while change_counter() stays.
  virtual Result<SecretCounts> count_secrets(UnixMs now, std::chrono::milliseconds notice) = 0;

  virtual Result<std::optional<CredentialRow>> credential(std::string_view id) = 0;
  virtual Result<std::optional<CapabilityRow>> capability(std::string_view id) = 0;
  virtual Result<std::optional<PolicyRow>> policy(std::string_view id) = 0;
  virtual Result<std::optional<BindingRow>> binding(std::string_view id) = 0;
  virtual Result<std::optional<ProviderRow>> provider(std::string_view id) = 0;
  virtual Result<std::optional<SettingRow>> setting(std::string_view id) = 0;
  // Sorted by id. A row that fails its check is left out and appended to `damaged`.
  virtual Result<std::vector<CredentialRow>> credentials(std::vector<Problem>& damaged) = 0;
  virtual Result<std::vector<CapabilityRow>> capabilities(std::vector<Problem>& damaged) = 0;
  virtual Result<std::vector<PolicyRow>> policies(std::vector<Problem>& damaged) = 0;
  virtual Result<std::vector<BindingRow>> bindings(std::vector<Problem>& damaged) = 0;
  virtual Result<std::vector<ProviderRow>> providers(std::vector<Problem>& damaged) = 0;
  virtual Result<std::vector<SettingRow>> settings(std::vector<Problem>& damaged) = 0;
  virtual Result<std::vector<AgentRow>> agents(std::vector<Problem>& damaged) = 0;
  virtual Result<std::vector<TokenRow>> tokens(std::vector<Problem>& damaged) = 0;
  // Credentials that use this secret (by index), verified.
  virtual Result<std::vector<CredentialRow>> credentials_of_secret(const SecretId& id) = 0;
  // Bindings to this secret (by index), verified; sorted by id.
  virtual Result<std::vector<BindingRow>> bindings_of_secret(const SecretId& id) = 0;

  virtual Result<std::vector<audit::Record>> audit(const audit::Filter& filter) = 0;
  virtual std::int64_t counter() = 0;
};

// One transaction under way: reads see its own writes. Valid inside the function that receives
// it, on the writer thread. If the function fails, nothing has happened.
class Change : public Reader {
 public:
  // Checks of docs/vault.md 7: names, limits, uniqueness. The value is sealed under a new DEK.
  virtual Result<SecretRecord> create_secret(const NewSecret& secret, const Secret& value) = 0;
  virtual Result<SecretRecord> update_secret(const SecretId& id, const SecretUpdate& update) = 0;
  virtual Result<SecretRecord> rotate_secret(const SecretId& id,
                                             const Secret& value,
                                             std::optional<std::int64_t> expected_version) = 0;
  // A secret of another vault under the id, times, value version, aliases, attachments and pin
  // that it had there; `exists` if a name or (unless it is to be replaced) the id is taken. One
  // that was revoked has no value.
  enum class SameId : std::uint8_t { refused, replaced };
  virtual Result<SecretRecord> import_secret(const SecretRecord& kept,
                                             const Secret& value,
                                             SameId same_id) = 0;
  // Repeating either changes nothing. At most 1,024 attachments a secret.
  virtual Result<SecretRecord> attach_group(const SecretId& id, const Attachment& group) = 0;
  virtual Result<SecretRecord> detach_group(const SecretId& id, const Attachment& group) = 0;
  // Destroys ciphertext, DEK, names, attachments and the bindings to it; keeps the row as revoked.
  // Repeating it changes nothing.
  virtual Result<SecretRecord> revoke_secret(const SecretId& id) = 0;
  // Removes the row altogether; for system-managed secrets only.
  virtual Result<void> erase_system_secret(const SecretId& id) = 0;
  // The value for the daemon's own work (composites): no context applies.
  virtual Result<Secret> open_internally(const SecretId& id) = 0;

  virtual Result<void> put(const CredentialRow& row) = 0;
  virtual Result<void> put(const CapabilityRow& row) = 0;
  virtual Result<void> put(const PolicyRow& row) = 0;
  // One of the same key is replaced. The secret must be there and live.
  virtual Result<void> put(const BindingRow& row) = 0;
  virtual Result<void> put(const ProviderRow& row) = 0;
  virtual Result<void> put(const SettingRow& row) = 0;
  // Names are unique, as are uids; at most 10,000 of each.
  virtual Result<void> put(const AgentRow& row) = 0;
  virtual Result<void> put(const TokenRow& row) = 0;
  // A row that was refused may be removed too; true if there was one.
  virtual Result<bool> remove_credential(std::string_view id) = 0;
  virtual Result<bool> remove_capability(std::string_view id) = 0;
  virtual Result<bool> remove_policy(std::string_view id) = 0;
  virtual Result<bool> remove_binding(std::string_view id) = 0;
  virtual Result<bool> remove_provider(std::string_view id) = 0;
  virtual Result<bool> remove_setting(std::string_view id) = 0;
  virtual Result<bool> remove_agent(std::string_view id) = 0;  // It has no tokens any more.
  virtual Result<bool> remove_token(std::string_view id) = 0;

  // The records of this change, in order; at least one. Committed with it.
  virtual void record(audit::Event event) = 0;
  // An event of the past, of another vault; appended at once, before the records of this change.
  virtual Result<void> record_history(const audit::Event& event) = 0;
  virtual UnixMs now() const = 0;  // The time of the transaction.
};

// What opening a secret for a call gives. `version` changes with every new value.
struct OpenedSecret {
  Secret value;
  SecretRecord record;
};

// A call's use of one rate window. The window is named "<what>:<id>", as in "capability:a/b".
struct RateUnit {
  std::string window;
  std::int64_t per_minute = 0;
};

// The second copy of the audit outside of the vault.
struct MirrorState {
  std::string path;      // Empty: none is kept.
  std::string problem;   // Why it is behind; empty: it is not.
  std::int64_t lag = 0;  // Events; all of them, if it could never be read.
};

class Vault {
 public:
  // A vault exists when vault.db or vault.json does.
  static bool exists(const Location& location);
  // Opens an existing vault and checks it in full. not_initialised if there is none; vault_locked
  // if its key comes from a passphrase and none is given.
  static Result<std::unique_ptr<Vault>> open(const Options& options,
                                             const Secret* passphrase = nullptr);
  // Creates one with the credential `aivault-kek` if the service manager passes one, else with a
  // key file, or opens the one that another process has just made. Any number of concurrent calls
  // ends with one vault.
  static Result<std::unique_ptr<Vault>> open_or_create(const Options& options);
  // `init`, exactly as it is told: exists if there is one, except that one which never held
  // anything is re-keyed.
  static Result<Status> init(const Options& options, const ProviderChoice& choice);

  // For a vault that is `damaged` because rows were put back, removed or altered: keeps the rows
  // that verify under its key. The explicit acceptance of what is lost; needs the vault for itself.
  static Result<Recovery> recover(const Options& options,
                                  const Secret* passphrase,
                                  Acceptance acceptance,
                                  audit::Event who);

  virtual ~Vault() = default;

  // Forgets the keys at once: what begins afterwards is vault_locked for whoever still holds this
  // object, records of calls wait to be chained at the next unlock. A read under way may finish.
  virtual void lock() = 0;
  // After lock(), or when another process has given it a key that must be entered.
  virtual bool is_locked() const = 0;

  virtual Status status() = 0;
  virtual std::vector<Problem> problems() = 0;  // Rows refused so far, by name.
  virtual const std::string& root() const = 0;

  // Grows with every change that other modules could see, by whatever process. Cheap: for every
  // call. An error means that the vault must not be used (rolled back, replaced, damaged).
  virtual Result<std::int64_t> change_counter() = 0;

  virtual Result<void> read(const std::function<Result<void>(Reader&)>& work) = 0;
  // Runs on the writer thread; returns when it is committed and synced, or has failed.
  virtual Result<void> change(const std::function<Result<void>(Change&)>& work) = 0;

  // Opens one secret in a context: exactly one is decrypted. Expiry, revocation and scope are
  // judged here again. A denial does not reveal whether the secret exists elsewhere.
  virtual Result<OpenedSecret> open_secret(const SecretId& id,
                                           const Context& context,
                                           Opener opener) = 0;

  // What is kept of a proxy token: a hash under a key of the vault's own, 32 bytes.
  virtual Result<std::string> token_hash(const Secret& token);

  // One record of a call (started, ok, error, denied). `done` runs on the writer thread once it
  // is in the WAL, or with audit_unavailable. Rows that queue meanwhile share one commit.
  // With CallRecords::disabled, capability.invoke records are not written and `done` gets success.
  using Recorded = std::function<void(Result<void>)>;
  virtual void record(audit::Event event, Recorded done) = 0;
  // The same for a call that rates limit, by whatever process: takes one unit in every window, in
  // the transaction of the record. If one has no room, nothing is recorded or taken, and `done`
  // gets policy_violation rate_limit_exceeded with the seconds to wait.
  virtual void record_limited(audit::Event event, std::vector<RateUnit> units, Recorded done) = 0;
  // Returns when everything recorded so far is committed.
  virtual void flush() = 0;

  // Re-wraps every secret's key under another master key in one transaction, verified before it is
  // committed. Calls that arrive meanwhile wait. Takes seconds for many secrets or a passphrase.
  // The vault as an archive, piece by piece (vault/backup.h); takes seconds.
  virtual Result<BackupDone> backup(const BackupRequest& request,
                                    const std::function<Result<void>(std::string_view)>& sink);

  virtual Result<MasterRotated> rotate_master(NewMaster wanted, audit::Event who) = 0;

  // The number of the newest record, by whatever process. Cheap.
  virtual Result<std::int64_t> audit_head() = 0;
  virtual MirrorState mirror_state() { return {}; }
  virtual void reopen_mirror() {}  // It was moved away.

  virtual Result<audit::Verification> verify_audit(const std::optional<audit::Head>& head) = 0;

  // What a daemon does once a day beside its work: all pages, all rows and the whole audit are
  // looked at as they lie on the disk. What fails is returned, and from then on among problems()
  // and recorded once (vault.integrity_failed). Ends with busy soon after `goes_on` says no.
  virtual Result<std::vector<Problem>> check_everything(const std::function<bool()>& goes_on);

  // Checks of `doctor` that concern the vault: vault-directory, vault-files, filesystem,
  // disk-space, key-provider, key-file-mode, kek-check, database (quick_check), row-seals (the
  // full MAC pass), clock, audit-*.
  struct Check {
    std::string id;
    enum class State : std::uint8_t { ok, warn, fail } state = State::ok;
    std::string detail, hint;
  };
  virtual std::vector<Check> examine() = 0;
  // The same without opening: for a vault that cannot be opened, or does not exist.
  static std::vector<Check> examine_closed(const Options& options);
  // What the header claims of a vault that cannot be opened. Nothing of it is verified.
  static Status claimed_status(const Location& location);
};

// read() and change() with a value.
template <typename Work>
auto read(Vault& vault, Work work) -> std::invoke_result_t<Work, Reader&> {
  std::optional<std::invoke_result_t<Work, Reader&>> value;
  auto done = vault.read([&](Reader& reader) -> Result<void> {
    value.emplace(work(reader));
    if (!*value) return fail(value->error());
    return {};
  });
  if (!done) return fail(std::move(done).error());
  return *std::move(value);
}
template <typename Work>
auto change(Vault& vault, Work work) -> std::invoke_result_t<Work, Change&> {
  std::optional<std::invoke_result_t<Work, Change&>> value;
  auto done = vault.change([&](Change& transaction) -> Result<void> {
    value.emplace(work(transaction));
    if (!*value) return fail(value->error());
    return {};
  });
  if (!done) return fail(std::move(done).error());
  return *std::move(value);
}

}  // namespace aivault::vault
