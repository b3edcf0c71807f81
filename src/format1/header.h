// Header: `vault.json` of an old vault: where its key came from and by what name the key went.
// Thread: any; pure. Errors: invalid_request record_invalid; vault_unavailable newer_format when
// the directory holds a vault of today.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "base/time.h"
#include "crypto/seal.h"

namespace aivault::format1 {

struct FileKey {
  std::string path;  // As stored; may be relative.
};
struct EnvKey {
  std::string variable;
};
struct KeychainKey {};  // Of macOS.
struct PassphraseKey {
  std::string salt;  // 16 bytes.
  std::int64_t memory_kib = 0, passes = 0;
  std::string check_sha256;  // Of what `check` holds: 64 hex digits.
  crypto::Sealed check;
};
using KeyEntry = std::variant<FileKey, EnvKey, KeychainKey, PassphraseKey>;

struct Header {
  UnixMs created_at;
  std::string key_id;  // SHA-256 of the key in hex; a record may be under another key all the same.
  KeyEntry key;
};

inline constexpr const char* kHeaderFile = "vault.json";
inline constexpr const char* kSecretsDirectory = "secrets";
inline constexpr const char* kBrokerFile = "broker.json";
inline constexpr const char* kBindingsFile = "capabilities.json";
inline constexpr const char* kAuditDirectory = "audit";

Result<Header> parse_header(std::string_view text);

}  // namespace aivault::format1
