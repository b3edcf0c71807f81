#include "format1/in_place.h"

#include <utility>

#include "crypto/passphrase.h"
#include "vault/key_provider.h"
#include "vault/staging.h"

namespace aivault::format1 {
namespace {

using vault::KeyProvider;

struct Kept {
  Secret key;
  KeyProvider provider;
};

tl::unexpected<Error> unavailable(const std::string& what) {
  return vault_unavailable("key_unavailable", "vault provider misconfigured: " + what);
}

// Where the provider of the new vault finds the same key.
Result<Kept> keep_file(const Header& header,
                       const Source& source,
                       const KeyGiven& given,
                       const platform::Directory& root,
                       SourceKey found) {
  if (found.file.empty()) {
    KeyGiven own;
    own.sources = given.sources;
    own.key_files = given.key_files;
    TRY_ASSIGN(auto kept, find_key(header, source, own));
    if (!(kept.key == found.key)) {
      return unavailable("file '" + kept.file +
                         "': it does not hold the given key, which the new vault would need there");
    }
    found = std::move(kept);
  }
  return Kept{std::move(found.key), KeyProvider::file(root, found.file)};
}

// What is cheaper than today's rules allow gets a new salt and today's cost.
Result<Kept> keep_passphrase(const PassphraseKey& entry, const KeyGiven& given, SourceKey found) {
  KeyProvider provider;
  provider.kind = KeyProvider::Kind::passphrase;
  provider.cost = {entry.salt, entry.passes, entry.memory_kib};
  if (crypto::is_acceptable(provider.cost)) return Kept{std::move(found.key), provider};
  if (given.passphrase == nullptr) {
    return unavailable("passphrase: it is needed; give it with --passphrase-file");
  }
  provider.cost = crypto::new_passphrase_cost();
  auto key = crypto::key_from_passphrase(*given.passphrase, provider.cost);
  if (!key) return unavailable("passphrase: the memory for the key derivation cannot be had");
  return Kept{*std::move(key), std::move(provider)};
}

Result<Kept> keep(const Header& header,
                  const Source& source,
                  const KeyGiven& given,
                  const platform::Directory& root,
                  SourceKey found) {
  if (std::holds_alternative<FileKey>(header.key)) {
    return keep_file(header, source, given, root, std::move(found));
  }
  if (const auto* entry = std::get_if<PassphraseKey>(&header.key)) {
    return keep_passphrase(*entry, given, std::move(found));
  }
  if (const auto* entry = std::get_if<EnvKey>(&header.key)) {
    KeyProvider provider;
    provider.kind = KeyProvider::Kind::env;
    provider.name = entry->variable;
    return Kept{std::move(found.key), std::move(provider)};
  }
  return unavailable("macos-keychain is only available on macOS; import into another vault");
}

}  // namespace

Result<Report> import_in_place(const vault::Options& options,
                               const Source& source,
                               const Header& header,
                               const KeyGiven& given,
                               const Choice& choice,
                               const audit::Event& who) {
  TRY_ASSIGN(auto found, find_key(header, source, given));
  const auto old_key = found.key.clone();
  TRY_ASSIGN(const auto staging, vault::Staging::begin(options));
  TRY_ASSIGN(const auto kept, keep(header, source, given, staging->root(), std::move(found)));
  TRY_ASSIGN(auto made, staging->build(kept.provider, kept.key, who.actor));
  TRY_ASSIGN(auto report, import_vault(*made, source, header, old_key, choice, who));
  made.reset();
  if (choice.keeping == Keeping::everything) TRY(staging->take_place());
  return report;
}

}  // namespace aivault::format1
