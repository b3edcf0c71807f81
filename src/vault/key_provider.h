// key_provider: where the key of a vault comes from, as the header and the database say it, and
// how it is loaded.
// Thread: any; load_key of a passphrase takes up to seconds.
// Errors: vault_unavailable key_unavailable | vault_locked (a passphrase vault without one); the
// message names the source.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/passphrase.h"
#include "platform/directory.h"
#include "vault/options.h"

namespace aivault::vault {

// What is at hand when a key is needed.
struct KeyInput {
  const KeySources& sources;
  const Secret* passphrase = nullptr;  // What was entered for a passphrase vault, if anything.
  const Secret* key = nullptr;         // The key itself, whatever the provider says.
};

struct KeyProvider {
  using Kind = ProviderChoice::Kind;

  Kind kind = Kind::file;
  std::string path;     // file; as stored: relative when inside the vault directory.
  std::string name;     // env: variable; systemd_creds: credential; keyring: description;
                        // macos_keychain: service.
  std::string account;  // macos_keychain.
  crypto::PassphraseCost cost = {};  // passphrase.

  // An entry as json() writes it. Entries are not trusted: bounds and names are checked.
  static Result<KeyProvider> parse(std::string_view json);
  // `path` is absolute.
  static KeyProvider file(const platform::Directory& root, const std::string& path);
  // A passphrase gets a new salt.
  static Result<KeyProvider> of(const ProviderChoice& choice,
                                const platform::Directory& root,
                                const std::string& default_key_file);

  std::string_view type() const;  // "file", "systemd_creds": as entries and VaultStatus spell it.
  std::string json() const;
  std::string absolute_path(const platform::Directory& root) const;  // file.
  // "file '/v/kek.key'", "environment variable 'AIVAULT_KEY'", "passphrase": for messages.
  std::string source(const platform::Directory& root) const;
};

// "systemd-creds", as the command line spells it; nullopt: there is no such provider.
std::optional<ProviderChoice::Kind> provider_kind(std::string_view option);
std::string_view option_of(ProviderChoice::Kind kind);

// blank: nothing but white space, which is refused; guessable: fewer than 12 characters.
enum class PassphraseFlaw : std::uint8_t { none, guessable, blank };
PassphraseFlaw flaw_of(const Secret& passphrase);

Result<Secret> load_key(const KeyProvider& provider,
                        const platform::Directory& root,
                        const KeyInput& input);

// The key of a provider that a vault is to have from now on. file: adopts a valid key file, makes
// one where there is none; any other file is an error. passphrase: record_invalid if it is blank.
struct NewKey {
  Secret key;
  bool generated = false;
};
Result<NewKey> adopt_or_make_key(const KeyProvider& provider,
                                 const platform::Directory& root,
                                 const KeyInput& input);

}  // namespace aivault::vault
