#include "vault/key_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>

#include "crypto/hash.h"
#include "crypto/key_text.h"
#include "crypto/keys.h"
#include "platform/key_file.h"
#include "platform/key_file_changes.h"
#include "store/tables.h"
#include "vault/creation.h"
#include "vault/layout.h"

namespace aivault::vault {
namespace {

tl::unexpected<Error> unavailable(const std::string& path, const std::string& what) {
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: file '" + path + "': " + what);
}

bool is_there(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) == 0;
}

bool has_key(const std::string& path, unsigned owner, std::string_view kek_id) {
  const auto key = read_key_file(path, owner);
  return key && *key && crypto::equal(crypto::key_id(**key), kek_id);
}

// One line of the list: a mark, the id and the directory of a vault. The last line of an id counts.
constexpr char kMade = '+', kAdopted = '=', kLeft = '-';

std::string list_line(char mark, const std::string& vault_id, std::string root) {
  std::ranges::replace(root, '\n', '?');
  return mark + vault_id + " " + root;
}

// P is given up only for the key that follows it.
Result<void> put_in_place(const KeyFile& file, const std::string& fitting, const VaultRow& vault) {
  if (is_there(file.path)) {
    if (!vault.previous_kek_id || !has_key(file.path, file.owner, *vault.previous_kek_id)) {
      return unavailable(file.path,
                         "it holds another key; the vault's own is in '" + fitting + "'");
    }
    if (fitting == file.retired()) return {};  // An older database was put back; both are needed.
    TRY(platform::move_key_file(file.path, file.retired()));
  }
  return platform::move_key_file(fitting, file.path);
}

Result<bool> retire(const VaultRow& vault, const platform::Directory& root) {
  if (!vault.retire) return true;
  KeyProvider old;
  old.path = *vault.retire;
  const auto file = key_file_of(old, root);
  const auto key = read_key_file(file.path, file.owner);
  // Zeros that were left half-way are no key; another key than ours is not ours to destroy.
  if (key && *key &&
      (!vault.previous_kek_id || !crypto::equal(crypto::key_id(**key), *vault.previous_kek_id))) {
    return true;
  }
  TRY_ASSIGN(const auto users, key_users(file, vault.vault_id, root.path()));
  if (users.other) return true;
  TRY(platform::destroy_key_file(file.path, file.owner));
  (void)platform::destroy_key_file(file.list(), file.owner);  // Of nobody any more.
  return true;
}

}  // namespace

KeyFile key_file_of(const KeyProvider& provider, const platform::Directory& root) {
  return {provider.absolute_path(root), root.owner()};
}

Result<std::optional<Secret>> read_key_file(const std::string& path, unsigned owner) {
  TRY_ASSIGN(const auto file, platform::open_key_file(path, owner));
  if (!file) return std::optional<Secret>();
  const auto text = crypto::read_secret(file->get(), platform::kMaxKeyFileBytes);
  auto key = text ? crypto::parse_key(*text) : std::nullopt;
  if (!key) return unavailable(path, "it does not hold a key; put the right key file back");
  return std::move(key);
}

Result<Secret> find_file_key(const KeyFile& file, std::string_view kek_id) {
  auto first = read_key_file(file.path, file.owner);
  if (first && *first && crypto::equal(crypto::key_id(**first), kek_id)) return std::move(**first);
  for (const auto& path : {file.staged(), file.retired()}) {
    auto key = read_key_file(path, file.owner);
    if (key && *key && crypto::equal(crypto::key_id(**key), kek_id)) return std::move(**key);
  }
  TRY_ASSIGN(auto key, std::move(first));
  if (!key) {
    return unavailable(file.path,
                       "there is no such file; put the key file back"
                       ": without it the vault cannot be opened");
  }
  return std::move(*key);
}

Result<void> stage_key(const std::string& path, unsigned owner, const Secret& key) {
  TRY_ASSIGN(auto file, platform::make_key_file(path, owner));
  if (!crypto::write_secret(file.descriptor.get(), crypto::key_text(key))) {
    return unavailable(path, "it cannot be written");
  }
  return file.finish();
}

Result<void> note_key_user(const KeyFile& file,
                           const std::string& vault_id,
                           const std::string& root,
                           KeyUse use) {
  const char mark = use == KeyUse::made ? kMade : kAdopted;
  return platform::append_line(file.list(), list_line(mark, vault_id, root), file.owner);
}

Result<void> forget_key_user(const KeyFile& file,
                             const std::string& vault_id,
                             const std::string& root) {
  if (!is_there(file.list())) return {};
  return platform::append_line(file.list(), list_line(kLeft, vault_id, root), file.owner);
}

Result<KeyUsers> key_users(const KeyFile& file,
                           const std::string& vault_id,
                           const std::string& root) {
  TRY_ASSIGN(const auto lines, platform::read_lines(file.list(), file.owner));
  std::map<std::string, std::string, std::less<>> users;  // Mark and directory by id.
  for (const auto& line : lines) {
    const auto space = line.find(' ');
    if (space == std::string::npos) continue;
    users.insert_or_assign(line.substr(1, space - 1), line.front() + line.substr(space + 1));
  }
  KeyUsers found;
  for (const auto& [id, use] : users) {
    const auto directory = use.substr(1);
    if (id == vault_id) {
      found.made_by_us = use.front() == kMade;
    } else if (use.front() != kLeft && directory != root) {
      found.other = directory;
    }
  }
  return found;
}

Result<bool> settle_key_files(const VaultRow& vault, const platform::Directory& root) {
  TRY_ASSIGN(const auto provider, KeyProvider::parse(vault.provider));
  if (provider.kind != KeyProvider::Kind::file) return retire(vault, root);
  const auto file = key_file_of(provider, root);
  TRY_ASSIGN(const auto users, key_users(file, vault.vault_id, root.path()));
  if (users.other) return retire(vault, root);
  const std::array candidates{file.path, file.staged(), file.retired()};
  const auto* const fitting = std::ranges::find_if(
      candidates, [&](const std::string& path) { return has_key(path, file.owner, vault.kek_id); });
  if (fitting == candidates.end()) return unavailable(file.path, "it is not the vault's key");
  if (*fitting != file.path) TRY(put_in_place(file, *fitting, vault));
  platform::destroy_half_made({file.path, file.staged()}, file.owner);
  for (const auto& path : {file.staged(), file.retired()}) {
    // Whatever just happened, the key in force is never among those that go.
    if (!is_there(path) || !has_key(file.path, file.owner, vault.kek_id)) continue;
    TRY(platform::destroy_key_file(path, file.owner));
  }
  return retire(vault, root);
}

Result<bool> settle_at_open(store::Database& database,
                            const VaultRow& vault,
                            const platform::Directory& root) {
  TRY_ASSIGN(const auto lock, open_lock_file(root));
  if (!lock.try_lock(kKeysByte, platform::RangeLock::Hold::exclusive)) return false;
  // With the lock held nobody changes it any more.
  TRY_ASSIGN(const auto row, store::find_row(database, store::Table::vault, "1"));
  if (!row || *row != to_row(vault)) return false;
  return settle_key_files(vault, root);
}

}  // namespace aivault::vault
