#include "vault/key_provider.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "base/encoding.h"
#include "base/text.h"
#include "crypto/key_text.h"
#include "crypto/keys.h"
#include "json/parse.h"
#include "json/write.h"
#include "platform/key_file.h"
#include "platform/key_variables.h"

namespace aivault::vault {
namespace {

using Kind = ProviderChoice::Kind;
using json::Value;

constexpr std::size_t kMaxName = 255;
constexpr std::size_t kGuessable = 12;  // Characters.
constexpr std::string_view kAlgorithm = "argon2id13";

struct Spelling {
  Kind kind;
  std::string_view type, option;
};
constexpr std::array<Spelling, 6> kSpellings = {{
    {Kind::file, "file", "file"},
    {Kind::env, "env", "env"},
    {Kind::passphrase, "passphrase", "passphrase"},
    {Kind::systemd_creds, "systemd_creds", "systemd-creds"},
    {Kind::keyring, "keyring", "keyring"},
    {Kind::macos_keychain, "macos_keychain", "macos-keychain"},
}};

const Spelling& spelling_of(Kind kind) {
  return *std::ranges::find(kSpellings, kind, &Spelling::kind);
}

tl::unexpected<Error> unavailable(const std::string& source, const std::string& what) {
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: " + source + ": " + what);
}

tl::unexpected<Error> malformed(Kind kind, const std::string& what) {
  return unavailable("provider '" + std::string(spelling_of(kind).option) + "'",
                     "its entry " + what);
}

Result<Secret> to_key(const std::optional<Secret>& text,
                      const std::string& source,
                      const std::string& what) {
  auto key = text ? crypto::parse_key(*text) : std::nullopt;
  if (!key) return unavailable(source, what);
  return std::move(*key);
}

Result<Secret> read_key(const platform::Descriptor& file, const std::string& source) {
  return to_key(crypto::read_secret(file.get(), platform::kMaxKeyFileBytes),
                source,
                "it does not hold a key; put the right key file back");
}

// A name in an entry: of a variable, a credential, an item of a key store.
Result<std::string> named(const Value& entry, Kind kind, std::string_view key) {
  const auto* value = entry.find(key);
  if (value == nullptr || !value->is(json::Kind::string) || value->text().empty()) {
    return malformed(kind, "has no " + std::string(key));
  }
  if (value->text().size() > kMaxName || has_control(value->text())) {
    return malformed(kind, "has a " + std::string(key) + " that is none");
  }
  return std::string(value->text());
}

Result<void> check_variable(const std::string& name) {
  if (platform::KeyVariables::is_name(name)) return {};
  return malformed(Kind::env, "names a variable that cannot be: '" + quote_for_message(name) + "'");
}

Result<void> check_credential(const std::string& name) {
  if (name.find('/') == std::string::npos && name != "." && name != "..") return {};
  return malformed(Kind::systemd_creds,
                   "names a credential that cannot be: '" + quote_for_message(name) + "'");
}

Result<crypto::PassphraseCost> parse_cost(const Value& entry) {
  const auto* kdf = entry.find("kdf");
  const auto* algorithm = kdf != nullptr ? kdf->find("alg") : nullptr;
  const auto* salt = kdf != nullptr ? kdf->find("saltB64") : nullptr;
  const auto* passes = kdf != nullptr ? kdf->find("passes") : nullptr;
  const auto* memory = kdf != nullptr ? kdf->find("memoryKib") : nullptr;
  if (algorithm == nullptr || salt == nullptr || passes == nullptr || memory == nullptr ||
      !algorithm->is(json::Kind::string) || !salt->is(json::Kind::string)) {
    return malformed(Kind::passphrase, "has no complete kdf");
  }
  if (algorithm->text() != kAlgorithm) {
    return malformed(Kind::passphrase, "names an unknown key derivation");
  }
  auto bytes = from_base64(salt->text());
  crypto::PassphraseCost cost{bytes ? std::move(*bytes) : std::string(),
                              passes->integer().value_or(0),
                              memory->integer().value_or(0)};
  if (!crypto::is_acceptable(cost)) {
    return malformed(Kind::passphrase,
                     "has a kdf out of bounds (16 bytes of salt, 2 to 32 passes, 65536 to "
                     "4194304 KiB)");
  }
  return cost;
}

Result<Secret> load_file(const KeyProvider& provider, const platform::Directory& root) {
  TRY_ASSIGN(const auto file, platform::open_key_file(provider.absolute_path(root), root.owner()));
  if (!file) {
    return unavailable(provider.source(root),
                       "there is no such file; put the key file back, or run `aivault restore` "
                       "with a backup: without it the vault cannot be opened");
  }
  return read_key(*file, provider.source(root));
}

Result<Secret> load_variable(const KeyProvider& provider,
                             const std::string& source,
                             const KeySources& sources) {
  auto value = sources.variables ? sources.variables->value(provider.name) : std::nullopt;
  if (!value) return unavailable(source, "it is not set");
  return to_key(value, source, "it does not hold a key (base64 of 32 bytes, or 64 hex digits)");
}

Result<Secret> load_credential(const KeyProvider& provider,
                               const std::string& source,
                               const KeySources& sources) {
  if (sources.credentials_directory.empty()) {
    return unavailable(source, "CREDENTIALS_DIRECTORY is not set; start the daemon's unit");
  }
  TRY_ASSIGN(const auto file,
             platform::open_credential(sources.credentials_directory, provider.name, source));
  return to_key(crypto::read_secret(file.get(), platform::kMaxKeyFileBytes),
                source,
                "it does not hold a key (base64 of 32 bytes, or 64 hex digits)");
}

Result<Secret> derive(const KeyProvider& provider, const Secret* passphrase) {
  if (passphrase == nullptr) return vault_unavailable("vault_locked", "vault locked");
  auto key = crypto::key_from_passphrase(*passphrase, provider.cost);
  if (!key) {
    return unavailable("passphrase",
                       "the key derivation needs " +
                           std::to_string(provider.cost.memory_kib / 1024) +
                           " MiB of memory, which cannot be had");
  }
  return std::move(*key);
}

Result<KeyProvider> parse_entry(Kind kind, const Value& entry) {
  KeyProvider provider;
  provider.kind = kind;
  if (kind == Kind::file) {
    const auto* path = entry.find("path");
    if (path == nullptr || !path->is(json::Kind::string) || path->text().empty()) {
      return malformed(kind, "has no path");
    }
    provider.path = path->text();
  } else if (kind == Kind::passphrase) {
    TRY_ASSIGN(provider.cost, parse_cost(entry));
  } else if (kind == Kind::env) {
    TRY_ASSIGN(provider.name, named(entry, kind, "envVar"));
    TRY(check_variable(provider.name));
  } else if (kind == Kind::systemd_creds) {
    TRY_ASSIGN(provider.name, named(entry, kind, "credential"));
    TRY(check_credential(provider.name));
  } else if (kind == Kind::keyring) {
    TRY_ASSIGN(provider.name, named(entry, kind, "description"));
  } else {
    TRY_ASSIGN(provider.name, named(entry, kind, "service"));
    TRY_ASSIGN(provider.account, named(entry, kind, "account"));
  }
  return provider;
}

}  // namespace

std::optional<Kind> provider_kind(std::string_view option) {
  const auto found = std::ranges::find(kSpellings, option, &Spelling::option);
  if (found == kSpellings.end()) return std::nullopt;
  return found->kind;
}

std::string_view option_of(Kind kind) { return spelling_of(kind).option; }

PassphraseFlaw flaw_of(const Secret& passphrase) {
  if (crypto::is_blank(passphrase)) return PassphraseFlaw::blank;
  return crypto::characters_in(passphrase) < kGuessable ? PassphraseFlaw::guessable
                                                        : PassphraseFlaw::none;
}

Result<KeyProvider> KeyProvider::parse(std::string_view json) {
  const auto entry = json::parse(json);
  const auto* type = entry ? entry->find("type") : nullptr;
  if (type == nullptr || !type->is(json::Kind::string)) {
    return unavailable("provider", "its entry is malformed");
  }
  const auto found = std::ranges::find(kSpellings, type->text(), &Spelling::type);
  if (found == kSpellings.end()) {
    return unavailable("provider '" + quote_for_message(type->text()) + "'",
                       "this version cannot load its key");
  }
  return parse_entry(found->kind, *entry);
}

KeyProvider KeyProvider::file(const platform::Directory& root, const std::string& path) {
  KeyProvider provider;
  const auto parent = std::filesystem::path(path).parent_path();
  std::error_code error;
  const auto resolved = std::filesystem::weakly_canonical(parent, error);
  const auto real = error ? parent.string() : resolved.string();
  const auto name = std::filesystem::path(path).filename().string();
  if (real == root.path()) {
    provider.path = name;
  } else if (real.starts_with(root.path() + "/")) {
    provider.path = real.substr(root.path().size() + 1) + "/" + name;
  } else {
    provider.path = real + "/" + name;
  }
  return provider;
}

Result<KeyProvider> KeyProvider::of(const ProviderChoice& choice,
                                    const platform::Directory& root,
                                    const std::string& default_key_file) {
  KeyProvider provider;
  provider.kind = choice.kind;
  switch (choice.kind) {
    case Kind::file:
      return file(root, choice.file_path.empty() ? default_key_file : choice.file_path);
    case Kind::env: provider.name = choice.env_var; break;
    case Kind::passphrase: provider.cost = crypto::new_passphrase_cost(); break;
    case Kind::systemd_creds: provider.name = choice.credential_name; break;
    case Kind::keyring: provider.name = choice.key_description; break;
    case Kind::macos_keychain:
      provider.name = choice.keychain_service;
      provider.account = choice.keychain_account;
      break;
  }
  return parse(provider.json());  // The same bounds, whoever says it.
}

std::string_view KeyProvider::type() const { return spelling_of(kind).type; }

std::string KeyProvider::json() const {
  auto entry = Value::object({{"type", type()}});
  switch (kind) {
    case Kind::file: entry.set("path", path); break;
    case Kind::env: entry.set("envVar", name); break;
    case Kind::passphrase:
      entry.set("kdf",
                Value::object({{"alg", kAlgorithm},
                               {"saltB64", base64(bytes_of(cost.salt))},
                               {"passes", cost.passes},
                               {"memoryKib", cost.memory_kib}}));
      break;
    case Kind::systemd_creds: entry.set("credential", name); break;
    case Kind::keyring: entry.set("description", name); break;
    case Kind::macos_keychain: entry.set("service", name).set("account", account); break;
  }
  return json::compact(entry);
}

std::string KeyProvider::absolute_path(const platform::Directory& root) const {
  return path.starts_with('/') ? path : root.path() + "/" + path;
}

std::string KeyProvider::source(const platform::Directory& root) const {
  switch (kind) {
    case Kind::file: return "file '" + absolute_path(root) + "'";
    case Kind::env: return "environment variable '" + name + "'";
    case Kind::passphrase: return "passphrase";
    case Kind::systemd_creds: return "systemd credential '" + name + "'";
    case Kind::keyring: return "keyring '" + quote_for_message(name) + "'";
    case Kind::macos_keychain: break;
  }
  return "macos-keychain '" + quote_for_message(name) + "'";
}

Result<Secret> load_key(const KeyProvider& provider,
                        const platform::Directory& root,
                        const KeyInput& input) {
  switch (provider.kind) {
    case Kind::file: return load_file(provider, root);
    case Kind::env: return load_variable(provider, provider.source(root), input.sources);
    case Kind::passphrase: return derive(provider, input.passphrase);
    case Kind::systemd_creds:
      return load_credential(provider, provider.source(root), input.sources);
    case Kind::keyring:
      return unavailable(provider.source(root),
                         "keys in the kernel keyring are not supported by this version; use file, "
                         "env, passphrase or systemd-creds");
    case Kind::macos_keychain: break;
  }
  return unavailable(provider.source(root), "macos-keychain is only available on macOS");
}

Result<NewKey> adopt_or_make_key(const KeyProvider& provider,
                                 const platform::Directory& root,
                                 const KeyInput& input) {
  if (provider.kind == Kind::passphrase) {
    if (input.passphrase == nullptr) {
      return invalid_request("record_invalid",
                             "--passphrase is required for --provider passphrase");
    }
    if (crypto::is_blank(*input.passphrase)) {
      return invalid_request("record_invalid", "passphrase must not be empty");
    }
  }
  if (provider.kind != Kind::file) {
    TRY_ASSIGN(auto key, load_key(provider, root, input));
    return NewKey{std::move(key), false};
  }
  const auto path = provider.absolute_path(root);
  TRY_ASSIGN(const auto existing, platform::open_key_file(path, root.owner()));
  if (existing) {
    TRY_ASSIGN(auto key, read_key(*existing, provider.source(root)));
    return NewKey{std::move(key), false};
  }
  auto key = crypto::random_key();
  TRY_ASSIGN(auto file, platform::make_key_file(path, root.owner()));
  if (!crypto::write_secret(file.descriptor.get(), crypto::key_text(key))) {
    return file.give_up(errno);
  }
  TRY(file.finish());
  return NewKey{std::move(key), true};
}

}  // namespace aivault::vault
