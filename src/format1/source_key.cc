#include "format1/source_key.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/text.h"
#include "crypto/key_text.h"
#include "crypto/passphrase.h"
#include "crypto/sha256.h"
#include "platform/key_file.h"
#include "platform/key_variables.h"

namespace aivault::format1 {
namespace {

constexpr std::string_view kCheckText = "vault:check:v1";

tl::unexpected<Error> unavailable(const std::string& source, const std::string& what) {
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: " + source + ": " + what);
}

Result<Secret> parse_key(const Secret& text, const std::string& source) {
  auto key = crypto::parse_key(text);
  if (!key) return unavailable(source, "it does not hold a key");
  return *std::move(key);
}

void add_once(std::vector<std::string>& paths, std::string path) {
  if (std::ranges::find(paths, path) == paths.end()) paths.push_back(std::move(path));
}

// As given, then under the directory of the vault, then where keys usually are.
std::vector<std::string> candidates(const FileKey& entry,
                                    const Source& vault,
                                    const KeyGiven& given) {
  std::vector<std::string> paths;
  if (entry.path.starts_with('/')) {
    paths.push_back(entry.path);
    const auto name = std::filesystem::path(entry.path).filename().string();
    if (!name.empty()) add_once(paths, vault.path() + "/" + name);
  } else if (!entry.path.empty()) {
    paths.push_back(vault.path() + "/" + entry.path);
  }
  add_once(paths, vault.path() + "/kek.key");
  for (const auto& path : given.key_files) add_once(paths, path);
  return paths;
}

// nullopt: there is no such file.
Result<std::optional<SourceKey>> read_key_file(const std::string& path) {
  TRY_ASSIGN(const auto file, platform::open_key_file(path, ::geteuid()));
  if (!file) return std::optional<SourceKey>();
  const auto source = "file '" + quote_for_message(path, 512) + "'";
  const auto text = crypto::read_secret(file->get(), platform::kMaxKeyFileBytes);
  if (!text) return unavailable(source, "it cannot be read");
  TRY_ASSIGN(auto key, parse_key(*text, source));
  return std::optional(SourceKey{std::move(key), path});
}

// The first whose key the header names; else the first that holds a key.
Result<SourceKey> find_in_files(const Header& header,
                                const FileKey& entry,
                                const Source& vault,
                                const KeyGiven& given) {
  std::optional<SourceKey> fallback;
  std::optional<Error> failure;
  const auto paths = candidates(entry, vault, given);
  for (const auto& path : paths) {
    auto found = read_key_file(path);
    if (!found) {
      if (!failure) failure = std::move(found).error();
    } else if (*found && is_named(header, (*found)->key)) {
      return **std::move(found);
    } else if (*found && !fallback) {
      fallback = **std::move(found);
    }
  }
  if (fallback) return *std::move(fallback);
  if (failure) return fail(*std::move(failure));
  std::string tried;
  for (const auto& path : paths) {
    tried += (tried.empty() ? "'" : ", '") + quote_for_message(path, 512) + "'";
  }
  return unavailable("key file of '" + vault.path() + "'",
                     "there is none at " + tried + "; give it with --key-file");
}

Result<SourceKey> find_in_environment(const EnvKey& entry, const KeyGiven& given) {
  const auto source = "environment variable '" + quote_for_message(entry.variable, 128) + "'";
  auto* variables = given.sources.variables.get();
  const auto text = variables != nullptr ? variables->value(entry.variable) : std::nullopt;
  if (!text) return unavailable(source, "it is not set; set it, or give --key-file or --key-env");
  TRY_ASSIGN(auto key, parse_key(*text, source));
  return SourceKey{std::move(key), {}};
}

Result<SourceKey> derive(const PassphraseKey& entry, const Source& vault, const KeyGiven& given) {
  const auto source = "passphrase of '" + vault.path() + "'";
  if (given.passphrase == nullptr) {
    return unavailable(source, "it is needed; give it with --passphrase-file");
  }
  const crypto::PassphraseCost cost{entry.salt, entry.passes, entry.memory_kib};
  auto key = crypto::key_from_old_passphrase(*given.passphrase, cost);
  if (!key) {
    return unavailable(source,
                       "the memory for its key derivation cannot be had (" +
                           std::to_string(entry.memory_kib) + " KiB)");
  }
  const auto check = crypto::open_known(*key, entry.check, kCheckText);
  if (!check || crypto::sha256_hex(*check) != entry.check_sha256) {
    return vault_unavailable(
        "wrong_key",
        "vault provider misconfigured: " + source + ": wrong passphrase (decrypt failed)");
  }
  return SourceKey{*std::move(key), {}};
}

}  // namespace

bool is_named(const Header& header, const Secret& key) {
  return crypto::sha256_hex(key) == header.key_id;
}

Result<SourceKey> find_key(const Header& header, const Source& vault, const KeyGiven& given) {
  if (given.key_text != nullptr && given.passphrase != nullptr) {
    return invalid_request("record_invalid", "give a key or a passphrase, not both");
  }
  if (given.key_text != nullptr) {
    TRY_ASSIGN(auto key, parse_key(*given.key_text, "the given key"));
    return SourceKey{std::move(key), {}};
  }
  if (const auto* entry = std::get_if<PassphraseKey>(&header.key)) {
    return derive(*entry, vault, given);
  }
  if (given.passphrase != nullptr) {
    return invalid_request("record_invalid",
                           "the key of '" + vault.path() + "' does not come from a passphrase");
  }
  if (const auto* entry = std::get_if<FileKey>(&header.key)) {
    return find_in_files(header, *entry, vault, given);
  }
  if (const auto* entry = std::get_if<EnvKey>(&header.key)) {
    return find_in_environment(*entry, given);
  }
  return unavailable("macos_keychain",
                     "macos-keychain is only available on macOS; give the key with --key-file");
}

}  // namespace aivault::format1
