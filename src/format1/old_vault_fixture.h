// OldVault: writes a vault of format 1 into a directory, for tests: every file of it, sealed as the
// old program sealed.
// Thread: one.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "crypto/key_text.h"
#include "crypto/keys.h"
#include "crypto/passphrase.h"
#include "crypto/seal.h"
#include "crypto/sha256.h"
#include "format1/envelope.h"

namespace aivault::format1 {

struct OldSecret {
  std::string id, name, value = "sk-old-value-0001";
  std::string scope_json = R"("global")", scope_text = "global";
  std::string aliases = "[]", groups = "[]", pin = {};
  int aad_version = 1, value_version = 1;
  long long created_at = 1'700'000'000'000, updated_at = 1'700'000'001'000;
  std::string more = {};  // Further members, each with a leading comma.
};

class OldVault {
 public:
  explicit OldVault(std::filesystem::path root) : root_(std::move(root)) {
    std::filesystem::create_directories(root_ / "secrets");
    std::filesystem::create_directories(root_ / "audit");
    std::filesystem::permissions(root_, std::filesystem::perms::owner_all);
    key_ = Secret::copy_of(key_bytes());
  }

  const std::filesystem::path& root() const { return root_; }
  const Secret& key() const { return key_; }
  static std::string key_bytes() {
    std::string bytes;
    for (int i = 0; i < 32; ++i) bytes += static_cast<char>(i);
    return bytes;
  }
  static std::string key_text() { return base64(bytes_of(key_bytes())); }

  void write(const std::string& name, std::string_view text) const {
    std::ofstream(root_ / name, std::ios::binary) << text;
    std::filesystem::permissions(
        root_ / name, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  void write_header(const std::string& provider) const {
    write("vault.json",
          R"({"version":1,"createdAtMs":1690000000000,"updatedAtMs":1690000000001,"kekId":")" +
              crypto::sha256_hex(key_) + R"(","provider":)" + provider + R"(,"futureKey":[1,2]})");
  }
  void with_key_file() const {
    write("kek.key", key_text());
    write_header(R"({"type":"file","path":"kek.key"})");
  }
  // Cheaper than today's rules allow.
  void with_passphrase(std::string_view passphrase, int memory_kib = 64, int passes = 1) {
    const std::string salt(16, 's');
    key_ =
        *crypto::key_from_old_passphrase(Secret::copy_of(passphrase), {salt, passes, memory_kib});
    const std::string plain = "check";
    const auto sealed = crypto::seal_known(key_, plain, "vault:check:v1");
    write_header(R"({"type":"passphrase","kdf":{"saltB64":")" + base64(bytes_of(salt)) +
                 R"(","mCostKib":)" + std::to_string(memory_kib) + R"(,"tCost":)" +
                 std::to_string(passes) + R"(,"pCost":1},"check":{"sha256Hex":")" +
                 crypto::sha256_hex(plain) + R"(","blob":)" + to_json(sealed) + "}}");
  }
  void add(const OldSecret& secret) const {
    write("secrets/" + secret.id + ".json", record(secret, key_));
  }
  static std::string record(const OldSecret& secret, const Secret& key) {
    const auto associated =
        associated_text(secret.aad_version, secret.id, secret.scope_text, secret.pin);
    const auto data_key = crypto::random_key();
    const auto wrapped = crypto::seal(key, data_key, associated ? *associated : "");
    const auto value =
        crypto::seal(data_key, Secret::copy_of(secret.value), associated ? *associated : "");
    return R"({"secretId":")" + secret.id + R"(","name":")" + secret.name + R"(","aliases":)" +
           secret.aliases + R"(,"scope":)" + secret.scope_json +
           (secret.pin.empty() ? "" : R"(,"pinnedProvider":")" + secret.pin + '"') +
           R"(,"aadVersion":)" + std::to_string(secret.aad_version) + R"(,"createdAtMs":)" +
           std::to_string(secret.created_at) + R"(,"updatedAtMs":)" +
           std::to_string(secret.updated_at) + R"(,"valueVersion":)" +
           std::to_string(secret.value_version) +
           R"(,"ciphertext":{"alg":"xchacha20poly1305+envelope","dekWrapped":)" + to_json(wrapped) +
           R"(,"value":)" + to_json(value) + R"(},"attachedGroups":)" + secret.groups +
           secret.more + "}";
  }

 private:
  static std::string to_json(const crypto::Sealed& sealed) {
    return R"({"alg":"xchacha20poly1305","nonceB64":")" + base64(bytes_of(sealed.nonce)) +
           R"(","ciphertextB64":")" + base64(bytes_of(sealed.ciphertext)) + R"("})";
  }
  std::filesystem::path root_;
  Secret key_;
};

// "00000000-0000-4000-8000-00000000000N"
inline std::string old_id(int number) {
  std::string digits = std::to_string(number);
  return "00000000-0000-4000-8000-" + std::string(12 - digits.size(), '0') + digits;
}

}  // namespace aivault::format1
