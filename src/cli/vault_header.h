// VaultHeader: what vault.json says without any key: which provider keeps the master key.
// Thread: any. Errors: none; what cannot be read says nothing.
#pragma once

#include <optional>
#include <string>

namespace aivault::cli {

struct VaultHeader {
  std::string provider;      // "file", "env", "passphrase", ...
  std::string key_variable;  // Of the provider env; a name that a variable can have.
  std::string key_file;      // Of the provider file; absolute.
};
// Of the vault in that directory, in the present format or in format 1.
std::optional<VaultHeader> read_vault_header(const std::string& directory);
bool vault_exists(const std::string& directory);

}  // namespace aivault::cli
