#include "vault/key_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <utility>

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

constexpr std::size_t kMaxIdInName = 36;  // A UUID.

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

// What cannot be looked at is there.
bool is_gone(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

bool is_same_directory(const std::string& one, const std::string& other) {
  if (one == other) return true;
  struct stat a{};
  struct stat b{};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

// A copy of our vault, not the place that it was moved away from.
bool is_copy(const std::string& directory, const std::string& root) {
  return !is_same_directory(directory, root) &&
         !is_gone(directory + "/" + std::string(kDatabaseName));
}

// A key, or what a destruction that was cut short has left of one.
using Judgement = std::function<bool(const Secret& key)>;
Result<platform::Destroyed> destroy_if(const std::string& path,
                                       unsigned owner,
                                       const Judgement& is_it) {
  const auto ours = [&](int descriptor) {
    const auto text = crypto::read_secret(descriptor, platform::kMaxKeyFileBytes);
    if (!text || text->empty()) return false;
    if (*text == Secret::copy_of(std::string(text->size(), '\0'))) return true;
    const auto key = crypto::parse_key(*text);
    return key && is_it(*key);
  };
  return platform::destroy_key_file(path, owner, ours);
}

// One line of the list: a mark, the id and the directory of a vault. The last line of both counts.
constexpr char kMade = '+', kAdopted = '=', kLeft = '-';
using Vaults = std::map<std::pair<std::string, std::string>, char>;  // Mark by id and directory.

Result<Vaults> read_list(const KeyFile& file) {
  TRY_ASSIGN(const auto lines, platform::read_lines(file.list(), file.owner));
  Vaults vaults;
  for (const auto& line : lines) {
    const auto space = line.find(' ');
    if (space == std::string::npos || space == 0) continue;
    vaults.insert_or_assign({line.substr(1, space - 1), line.substr(space + 1)}, line.front());
  }
  return vaults;
}

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
    if (is_there(file.retired()) && !has_key(file.retired(), file.owner, *vault.previous_kek_id)) {
      return unavailable(file.retired(), "it is not a key of this vault; move it aside");
    }
    TRY(platform::move_key_file(file.path, file.retired()));
  }
  return platform::move_key_file(fitting, file.path);
}

Result<Settled> retire(const VaultRow& vault, const platform::Directory& root) {
  if (!vault.retire) return Settled{true, ""};
  KeyProvider old;
  old.path = *vault.retire;
  const auto file = key_file_of(old, root, vault.vault_id);
  const auto users = key_users(file, vault.vault_id, root.path());
  // Where the list cannot be read nobody knows who needs the file.
  if (!users || users->other) return Settled{true, file.path};
  TRY_ASSIGN(const auto destroyed,
             destroy_key(file.path, file.owner, vault.previous_kek_id.value_or("")));
  if (destroyed == platform::Destroyed::left) return Settled{true, file.path};
  const auto of_nobody = [](int) { return true; };
  if (users->listed) (void)platform::destroy_key_file(file.list(), file.owner, of_nobody);
  return Settled{true, ""};
}

}  // namespace

KeyFile key_file_of(const KeyProvider& provider,
                    const platform::Directory& root,
                    const std::string& vault_id) {
  // The id may come from a database that somebody has made: it leads to no other directory.
  auto name = vault_id.substr(0, kMaxIdInName);
  std::ranges::replace(name, '/', '_');
  return {provider.absolute_path(root), root.owner(), std::move(name)};
}

Result<platform::Destroyed> destroy_key(const std::string& path,
                                        unsigned owner,
                                        std::string_view kek_id) {
  const auto is_it = [&](const Secret& key) { return crypto::equal(crypto::key_id(key), kek_id); };
  return destroy_if(path, owner, is_it);
}

Result<platform::Destroyed> destroy_staged(const KeyFile& file) {
  const auto any_key = [](const Secret&) { return true; };
  return destroy_if(file.staged(), file.owner, any_key);
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
                       "there is no such file; put the key file back, or run `aivault restore` "
                       "with a backup: without it the vault cannot be opened");
  }
  return std::move(*key);
}

Result<void> stage_key(const std::string& path, unsigned owner, const Secret& key) {
  TRY_ASSIGN(auto file, platform::make_key_file(path, owner));
  if (!crypto::write_secret(file.descriptor.get(), crypto::key_text(key))) {
    return file.give_up(errno);
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
  TRY_ASSIGN(const auto vaults, read_list(file));
  for (const auto& [vault, mark] : vaults) {
    const auto& [id, directory] = vault;
    if (id != vault_id || mark == kLeft || is_copy(directory, root)) continue;
    TRY(platform::append_line(file.list(), list_line(kLeft, id, directory), file.owner));
  }
  return {};
}

Result<KeyUsers> key_users(const KeyFile& file,
                           const std::string& vault_id,
                           const std::string& root) {
  TRY_ASSIGN(const auto vaults, read_list(file));
  // A list that was copied along with a vault and the key file in it speaks of the original.
  const bool is_copied = file.path.starts_with(root + "/") && !vaults.contains({vault_id, root});
  KeyUsers found;
  for (const auto& [vault, mark] : vaults) {
    const auto& [id, directory] = vault;
    if (mark == kLeft) continue;
    const bool is_original = is_copied && mark == kMade;
    const bool other = id == vault_id ? !is_original && is_copy(directory, root)
                                      : !is_same_directory(directory, root);
    if (other) {
      found.other = directory;
    } else if (id == vault_id) {
      found.listed = true;
      found.made_by_us = found.made_by_us || mark == kMade;
    }
  }
  return found;
}

Result<Settled> settle_key_files(const VaultRow& vault, const platform::Directory& root) {
  TRY_ASSIGN(const auto provider, KeyProvider::parse(vault.provider));
  if (provider.kind != KeyProvider::Kind::file) return retire(vault, root);
  const auto file = key_file_of(provider, root, vault.vault_id);
  TRY_ASSIGN(const auto users, key_users(file, vault.vault_id, root.path()));
  if (users.other) return retire(vault, root);
  const std::array candidates{file.path, file.staged(), file.retired()};
  const auto* const fitting = std::ranges::find_if(
      candidates, [&](const std::string& path) { return has_key(path, file.owner, vault.kek_id); });
  if (fitting == candidates.end()) return unavailable(file.path, "it is not the vault's key");
  if (*fitting != file.path) TRY(put_in_place(file, *fitting, vault));
  platform::destroy_half_made({file.path, file.staged()}, file.owner);
  // Whatever just happened, the key in force is never among those that go.
  if (has_key(file.path, file.owner, vault.kek_id)) {
    TRY(destroy_staged(file));
    TRY(destroy_key(file.retired(), file.owner, vault.previous_kek_id.value_or("")));
  }
  return retire(vault, root);
}

Result<Settled> settle_at_open(store::Database& database,
                               const VaultRow& vault,
                               const platform::Directory& root) {
  TRY_ASSIGN(const auto lock, open_lock_file(root));
  if (!lock.try_lock(kKeysByte, platform::RangeLock::Hold::exclusive)) return Settled{};
  // With the lock held nobody changes it any more.
  TRY_ASSIGN(const auto row, store::find_row(database, store::Table::vault, "1"));
  if (!row || *row != to_row(vault)) return Settled{};
  return settle_key_files(vault, root);
}

}  // namespace aivault::vault
