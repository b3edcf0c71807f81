#include "format1/header.h"

#include "base/text.h"
#include "crypto/passphrase.h"
#include "format1/envelope.h"
#include "format1/fields.h"

namespace aivault::format1 {
namespace {

using json::Kind;
using json::Value;

constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMinMemoryKib = 8, kMaxMemoryKib = 4'194'304;
constexpr std::size_t kHashDigits = 64;

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

Result<const Value*> needed_object(const Value& object, std::string_view key) {
  const auto* found = object.find(key);
  if (found == nullptr || !found->is(Kind::object)) return malformed(key);
  return found;
}

Result<std::int64_t> needed_integer(const Value& object, std::string_view key) {
  TRY_ASSIGN(const auto number, integer_in(object, key));
  if (!number) return malformed(key);
  return *number;
}

Result<KeyEntry> parse_passphrase(const Value& entry) {
  PassphraseKey key;
  TRY_ASSIGN(const auto* kdf, needed_object(entry, "kdf"));
  TRY_ASSIGN(key.salt, needed_bytes(*kdf, "saltB64", crypto::kSaltBytes));
  TRY_ASSIGN(key.memory_kib, needed_integer(*kdf, "mCostKib"));
  TRY_ASSIGN(key.passes, needed_integer(*kdf, "tCost"));
  TRY_ASSIGN(const auto lanes, needed_integer(*kdf, "pCost"));
  if (lanes != 1) return invalid("'pCost' other than 1 is not supported");
  if (key.memory_kib < kMinMemoryKib || key.memory_kib > kMaxMemoryKib) {
    return invalid("'mCostKib' must be 8 to 4194304");
  }
  if (key.passes < 1 || key.passes > crypto::kMaxOldPasses) {
    return invalid("'tCost' must be 1 to " + std::to_string(crypto::kMaxOldPasses));
  }
  if (key.passes * key.memory_kib > crypto::kMaxOldWork) {
    return invalid("'tCost' times 'mCostKib' must not be more than " +
                   std::to_string(crypto::kMaxOldWork));
  }
  TRY_ASSIGN(const auto* check, needed_object(entry, "check"));
  TRY_ASSIGN(const auto hash, needed_text(*check, "sha256Hex"));
  key.check_sha256 = to_lower(hash);
  if (key.check_sha256.size() != kHashDigits) return malformed("sha256Hex");
  TRY_ASSIGN(const auto* blob, needed_object(*check, "blob"));
  TRY_ASSIGN(key.check, parse_sealed(*blob));
  return KeyEntry(std::move(key));
}

Result<KeyEntry> parse_key_entry(const Value& entry) {
  TRY_ASSIGN(const auto type, needed_text(entry, "type"));
  if (type == "file") {
    TRY_ASSIGN(auto path, needed_text(entry, "path"));
    return KeyEntry(FileKey{std::move(path)});
  }
  if (type == "env") {
    TRY_ASSIGN(auto variable, needed_text(entry, "env_var"));
    return KeyEntry(EnvKey{std::move(variable)});
  }
  if (type == "macos_keychain") return KeyEntry(KeychainKey());
  if (type == "passphrase") return parse_passphrase(entry);
  return invalid("unknown key provider '" + quote_for_message(type, 64) + "'");
}

}  // namespace

Result<Header> parse_header(std::string_view text) {
  TRY_ASSIGN(const auto object, json::parse(text, file_limits()));
  if (!object.is(Kind::object)) return malformed("vault.json");
  TRY_ASSIGN(const auto version, needed_integer(object, "version"));
  if (version > kVersion) {
    return vault_unavailable(
        "newer_format",
        "it holds a vault of format " + std::to_string(version) + "; import reads format 1");
  }
  if (version != kVersion) return malformed("version");
  Header header;
  TRY_ASSIGN(header.created_at, needed_time(object, "createdAtMs"));
  TRY_ASSIGN(const auto key_id, text_in(object, "kekId"));
  header.key_id = to_lower(key_id.value_or(""));
  TRY_ASSIGN(const auto* entry, needed_object(object, "provider"));
  TRY_ASSIGN(header.key, parse_key_entry(*entry));
  return header;
}

}  // namespace aivault::format1
