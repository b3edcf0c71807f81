#include "vault/creation.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "audit/log.h"
#include "base/encoding.h"
#include "crypto/keys.h"
#include "crypto/uuid.h"
#include "store/schema.h"
#include "store/seals.h"
#include "vault/key_files.h"
#include "vault/key_provider.h"
#include "vault/keyring.h"
#include "vault/layout.h"
#include "vault/rekey.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;

constexpr auto kLockWait = 10s;
constexpr auto kLockRetry = 10ms;

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

tl::unexpected<Error> busy() {
  return vault_unavailable("busy", "vault busy: another process is making or restoring it");
}

class Builder {
 public:
  Builder(store::Database& database, const MasterKeys& master)
      : database_(database), master_(master) {}

  Result<void> add(store::Table table, const store::Row& row) {
    const auto id = store::id_of(row);
    TRY(store::put_row(database_, table, row));
    const auto mac = master_.row_mac(table, 1, row, nullptr);
    const store::RowSeal seal{1, std::string(crypto::view(mac))};
    TRY(store::put_seal(database_, table, id, seal));
    digest_.add(master_.set_element(table, id, seal));
    ++state_.objects;
    return {};
  }

  Result<void> add_key(const std::string& purpose, const Secret& key, UnixMs at) {
    KeyRow row{purpose + ":1", purpose, 1, {}, at};
    row.key = master_.wrap_key(row, key);
    return add(store::Table::vault_keys, to_row(row));
  }

  Result<void> finish(const Secret& audit_key, const audit::Event& event, UnixMs at) {
    audit::Row row;
    row.seq = 1;
    row.ts_ms = to_int(at);
    row.kind = event.kind;
    row.epoch = 1;
    row.rev = 1;
    row.objects = R"(["*"])";
    row.body = audit::to_body(event);
    const auto head = audit::chain_hash(audit_key, crypto::Hash{}, master_.vault_id(), row);
    TRY(audit::append(database_, row, head));
    state_.counter = 1;
    state_.audit_seq = 1;
    state_.audit_head = crypto::view(head);
    state_.last_ts_ms = row.ts_ms;
    master_.seal_digest(state_, digest_);
    return store::store_state(database_, state_);
  }

 private:
  store::Database& database_;
  const MasterKeys& master_;
  store::StateRow state_;
  Digest digest_;
};

Result<VaultRow> fill(store::Database& database,
                      const KeyProvider& provider,
                      const NewKey& key,
                      const std::string& actor) {
  const auto now = wall_clock();
  const MasterKeys master(crypto::random_uuid(), key.key);
  VaultRow vault;
  vault.vault_id = master.vault_id();
  vault.created_at = now;
  vault.kek_id = master.kek_id();
  vault.check = master.make_check();
  vault.provider = provider.json();

  audit::Event event;
  event.kind = "vault.init";
  event.actor = actor;
  event.uid = ::geteuid();
  event.note = "provider " + std::string(provider.type()) + ", key " + hex(bytes_of(vault.kek_id)) +
               (key.generated ? " generated" : " adopted");

  TRY_ASSIGN(auto transaction, store::Transaction::begin(database, store::Kind::write));
  TRY(store::create_schema(database));
  Builder builder(database, master);
  TRY(builder.add(store::Table::vault, to_row(vault)));
  const auto audit_key = crypto::random_key();
  TRY(builder.add_key("audit", audit_key, now));
  TRY(builder.add_key("token", crypto::random_key(), now));
  TRY(builder.finish(audit_key, event, now));
  TRY(transaction.commit());
  return vault;
}

void remove_new_database(const platform::Directory& root) {
  const std::string name = kNewDatabaseName;
  for (const auto* suffix : {"", "-journal", "-wal", "-shm"}) root.remove(name + suffix);
}

Result<VaultRow> build_database(const platform::Directory& root,
                                const KeyProvider& provider,
                                const NewKey& key,
                                const std::string& actor) {
  remove_new_database(root);  // Of a process that died here.
  TRY(root.create(kNewDatabaseName));
  TRY_ASSIGN(auto database,
             store::Database::open(root.path() + "/" + std::string(kNewDatabaseName)));
  TRY_ASSIGN(auto vault, fill(database, provider, key, actor));
  // Said before others can open it: to switch needs the file for oneself.
  TRY(database.use_wal());
  return vault;
}

}  // namespace

Result<void> wait_for(const platform::RangeLock& lock,
                      std::int64_t byte,
                      platform::RangeLock::Hold hold) {
  const auto give_up = std::chrono::steady_clock::now() + kLockWait;
  while (!lock.try_lock(byte, hold)) {
    if (std::chrono::steady_clock::now() >= give_up) return busy();
    std::this_thread::sleep_for(kLockRetry);
  }
  return {};
}

Result<platform::RangeLock> open_lock_file(const platform::Directory& root) {
  TRY_ASSIGN(auto file, root.open_or_create(kLockName));
  return platform::RangeLock(std::move(file));
}

Result<void> make_vault_with(const platform::Directory& root,
                             const KeyProvider& provider,
                             const Secret& key,
                             const std::string& actor) {
  const NewKey adopted{key.clone(), false};
  TRY_ASSIGN(const auto vault, build_database(root, provider, adopted, actor));
  TRY(root.rename(kNewDatabaseName, kDatabaseName));
  return keep_header(root, vault);
}

ProviderChoice automatic_choice(const Options& options) {
  ProviderChoice choice;
  const auto& directory = options.keys.credentials_directory;
  if (directory.empty()) return choice;
  // One that is there and cannot be looked at must not become a key file on the disk: its use says
  // why.
  if (::access((directory + "/" + choice.credential_name).c_str(), F_OK) == 0 || errno != ENOENT) {
    choice.kind = ProviderChoice::Kind::systemd_creds;
  }
  return choice;
}

Result<Made> make_vault(const Options& options,
                        const ProviderChoice& choice,
                        const std::string& actor) {
  TRY_ASSIGN(const auto root, platform::Directory::open_or_make(options.location.root));
  TRY_ASSIGN(const auto lock, open_lock_file(root));
  const auto give_up = std::chrono::steady_clock::now() + kLockWait;
  while (!lock.try_lock(kInitByte, platform::RangeLock::Hold::exclusive)) {
    if (root.has(kDatabaseName)) return Made::by_another;
    if (std::chrono::steady_clock::now() >= give_up) return busy();
    std::this_thread::sleep_for(kLockRetry);
  }
  if (root.has(kDatabaseName) || root.has(kHeaderName)) return Made::by_another;
  if (root.has(kWalName)) {
    return vault_unavailable(
        "damaged",
        "vault damaged: '" + root.path() + "' holds a write-ahead log without a database");
  }
  TRY_ASSIGN(const auto provider, KeyProvider::of(choice, root, options.location.default_key_file));
  const auto* passphrase = choice.passphrase ? &*choice.passphrase : nullptr;
  TRY_ASSIGN(const auto key, adopt_or_make_key(provider, root, {options.keys, passphrase}));
  auto vault = build_database(root, provider, key, actor);
  if (!vault) {
    remove_new_database(root);
    return fail(std::move(vault).error());
  }
  if (provider.kind == KeyProvider::Kind::file) {
    const auto noted = note_key_user(key_file_of(provider, root, vault->vault_id),
                                     vault->vault_id,
                                     root.path(),
                                     key.generated ? KeyUse::made : KeyUse::adopted);
    // Where nothing can be written beside an adopted file, it cannot be destroyed either.
    if (key.generated) TRY(noted);
  }
  TRY(root.rename(kNewDatabaseName, kDatabaseName));
  TRY(keep_header(root, *vault));
  return Made::by_us;
}

Result<Status> Vault::init(const Options& options, const ProviderChoice& choice) {
  auto made = Made::by_another;
  if (!exists(options.location)) {
    TRY_ASSIGN(made, make_vault(options, choice, "operator"));
  }
  if (made == Made::by_another) TRY(rekey_unused(options, choice));
  TRY_ASSIGN(const auto vault, open(options, choice.passphrase ? &*choice.passphrase : nullptr));
  return vault->status();
}

}  // namespace aivault::vault
