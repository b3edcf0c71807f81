// Options: where a vault is, what its key may come from, and how its audit is kept: everything
// that is said about a vault from outside.
// Thread: any; plain values. Errors: none.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/secret.h"

namespace aivault::metrics {
class Metrics;
}

namespace aivault::platform {
class KeyVariables;
}

namespace aivault::vault {

struct Location {
  std::string root;              // Absolute.
  std::string default_key_file;  // Absolute; where the `file` provider keeps a new key.
};

enum class CallRecords : std::uint8_t { written, disabled };  // AIVAULT_DISABLE_DISK_LOGS

// batched: a record is in the write-ahead log before its call proceeds, and synced within 250 ms;
// strict: synced before its call proceeds. AIVAULT_AUDIT_DURABILITY
enum class Durability : std::uint8_t { batched, strict };

// What the surroundings of the process hold for key providers.
struct KeySources {
  std::string credentials_directory;  // $CREDENTIALS_DIRECTORY, absolute; empty: none.
  // Values of key variables, taken out of the environment at start; nullptr: none.
  std::shared_ptr<platform::KeyVariables> variables;
};

struct Options {
  Location location;
  CallRecords call_records = CallRecords::written;
  Durability durability = Durability::batched;
  std::string audit_mirror = {};  // AIVAULT_AUDIT_MIRROR, absolute; empty: none.
  KeySources keys = {};
  metrics::Metrics* metrics = nullptr;  // nullptr: nothing is counted.
};

// A key provider as init, rotate-master and restore are asked for it.
struct ProviderChoice {
  enum class Kind : std::uint8_t { file, env, passphrase, systemd_creds, keyring, macos_keychain };
  Kind kind = Kind::file;
  std::string file_path;  // Absolute; empty: the default key file.
  std::string env_var = "AIVAULT_KEY";
  std::string credential_name = "aivault-kek";
  std::string key_description = "aivault:kek";
  std::string keychain_service = "aivault";
  std::string keychain_account = "kek";
  std::optional<Secret> passphrase;  // Of the kind passphrase.
};

}  // namespace aivault::vault
