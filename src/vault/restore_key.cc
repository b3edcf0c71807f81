#include "vault/restore_key.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "base/encoding.h"
#include "platform/key_file_changes.h"

namespace aivault::vault {
namespace {

using Kind = KeyProvider::Kind;

tl::unexpected<Error> unavailable(const std::string& path, const std::string& what) {
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: file '" + path + "': " + what +
                               "; or choose another place with --provider file --file-path");
}

const Secret& passphrase_of_vault(const RestoreRequest& request) {
  if (request.provider && request.provider->passphrase) return *request.provider->passphrase;
  return request.vault_passphrase != nullptr ? *request.vault_passphrase : request.passphrase;
}

// A name of its own below the vault directory, not one of the vault's or the daemon's.
bool is_place_inside(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path place(path);
  if (place.is_absolute() || place.lexically_normal() != place) return false;
  constexpr auto kTaken = std::to_array<std::string_view>(
      {"..", "audit", "config.toml", "format-1", "locks", "providers", "reserve", "run"});
  const auto first = place.begin()->string();
  return std::ranges::find(kTaken, first) == kTaken.end() && !first.starts_with("vault.");
}

Result<void> check_archived_place(const RestoreRequest& request,
                                  const KeyProvider& archived,
                                  const platform::Directory& root,
                                  const MasterKeys& present) {
  if (is_place_inside(archived.path)) return {};
  const auto usual = KeyProvider::file(root, request.options.location.default_key_file);
  if (archived.path == usual.path) return {};
  const auto file = key_file_of(archived, root, present.vault_id());
  const auto existing = read_key_file(file.path, file.owner);
  const auto users = key_users(file, present.vault_id(), root.path());
  if (existing && *existing && **existing == present.kek() && users && !users->other) return {};
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: the archive wants its key in '" +
                               file.path +
                               "', where this vault did not have it; say where it is to be with "
                               "--provider file --file-path PATH");
}

}  // namespace

Result<KeyPlan> plan_key(const RestoreRequest& request,
                         const KeyProvider& archived,
                         const platform::Directory& root,
                         const MasterKeys& present) {
  KeyPlan plan{archived, nullptr};
  if (request.provider) {
    TRY_ASSIGN(plan.provider,
               KeyProvider::of(*request.provider, root, request.options.location.default_key_file));
  } else if (archived.kind == Kind::file) {
    TRY(check_archived_place(request, archived, root, present));
  }
  // A file takes any key; a passphrase vault goes on with the passphrase that it had.
  if (plan.provider.kind == Kind::file) return plan;
  if (plan.provider.kind == Kind::passphrase && !request.provider) return plan;
  const auto& passphrase = passphrase_of_vault(request);
  auto key = load_key(plan.provider, root, KeyInput{request.options.keys, &passphrase});
  if (!key) {
    auto error = std::move(key).error();
    error.message += "; or put the key into a file with --provider file";
    return fail(std::move(error));
  }
  auto master = std::make_shared<const MasterKeys>(present.vault_id(), *key);
  if (!crypto::equal(master->kek_id(), present.kek_id())) plan.master = std::move(master);
  return plan;
}

Result<void> KeyPlacement::prepare(const MasterKeys& keys) {
  if (provider_.kind != Kind::file) return {};
  TRY_ASSIGN(const auto staged, read_key_file(file_.staged(), file_.owner));
  if (staged && !(*staged == keys.kek())) {
    return unavailable(file_.staged(), "it holds a key that another vault may need; move it aside");
  }
  TRY_ASSIGN(const auto existing, read_key_file(file_.path, file_.owner));
  if (!existing) {
    auto made = stage_key(file_.path, file_.owner, keys.kek());
    if (!made) return unavailable(file_.path, made.error().message);
    (void)note_key_user(file_, keys.vault_id(), root_, KeyUse::made);
    made_ = true;
    return made;
  }
  TRY_ASSIGN(const auto users, key_users(file_, keys.vault_id(), root_));
  if (*existing == keys.kek()) {
    // Where nothing can be written beside the file, it cannot be destroyed either.
    if (!users.listed) (void)note_key_user(file_, keys.vault_id(), root_, KeyUse::adopted);
    return {};
  }
  if (users.other) {
    return unavailable(file_.path, "it holds the key of the vault at '" + *users.other + "'");
  }
  // The old key is kept under its new name before anything replaces it.
  TRY(stage_key(file_.path + suffix_, file_.owner, *existing));
  if (!staged) TRY(stage_key(file_.staged(), file_.owner, keys.kek()));
  (void)note_key_user(file_, keys.vault_id(), root_, KeyUse::made);
  replaces_ = true;
  return {};
}

void KeyPlacement::finish(std::vector<std::string>& notices) {
  if (made_) notices.push_back("The key of the vault was written to '" + place_ + "'");
  if (!replaces_) return;
  notices.push_back("The key file held another key; that one is in '" + file_.path + suffix_ +
                    "' now");
  if (auto moved = platform::move_key_file(file_.staged(), file_.path); !moved) {
    notices.push_back("The key of the vault is in '" + file_.staged() +
                      "': " + moved.error().message);
  } else {
    notices.push_back("The key of the vault was written to '" + place_ + "'");
  }
}

}  // namespace aivault::vault
