#include "vault/key_provider.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/encoding.h"
#include "crypto/keys.h"
#include "platform/key_variables.h"
#include "testing/vault_place.h"

namespace aivault::vault {
namespace {

using Kind = ProviderChoice::Kind;
using testing::VaultPlace;

constexpr std::string_view kKeyId =
    "b3cfc715bcefe862184b48f3edf07dc69ecf3b0fe21388eb42ca4259f97f8567";

std::string counting_key() {
  std::string key(32, '\0');
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(i);
  return key;
}
std::string key_in_base64() { return base64(bytes_of(counting_key())); }
std::string key_in_hex() { return hex(bytes_of(counting_key())); }

std::string salt_of(std::size_t size) { return base64(bytes_of(std::string(size, 'x'))); }

std::string passphrase_entry(const std::string& passes,
                             const std::string& memory,
                             const std::string& salt = salt_of(16)) {
  return R"({"type":"passphrase","kdf":{"alg":"argon2id13","saltB64":")" + salt + R"(","passes":)" +
         passes + R"(,"memoryKib":)" + memory + "}}";
}

class KeyProviders : public ::testing::Test {
 protected:
  KeyProviders() : root_(platform::Directory::open_or_make(place_.root()).value()) {
    sources_.variables = std::make_shared<platform::KeyVariables>();
  }
  std::string write(const std::string& name, const std::string& text, mode_t mode) {
    const auto path = place_.base() + "/" + name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  Result<std::string> load(const ProviderChoice& choice) {
    TRY_ASSIGN(const auto provider, KeyProvider::of(choice, root_, place_.key_file()));
    TRY_ASSIGN(const auto key, load_key(provider, root_, {sources_}));
    return hex(bytes_of(crypto::key_id(key)));
  }
  std::string refusal(const ProviderChoice& choice) {
    const auto loaded = load(choice);
    if (loaded) return "";
    EXPECT_EQ(loaded.error().reason, "key_unavailable");
    return loaded.error().message;
  }

  VaultPlace place_;
  platform::Directory root_;
  KeySources sources_;
};

TEST_F(KeyProviders, AreWrittenAndReadBack) {
  const std::vector<std::pair<Kind, std::string>> rows = {
      {Kind::file, R"({"type":"file","path":"/k/kek.key"})"},
      {Kind::env, R"({"type":"env","envVar":"AIVAULT_KEY"})"},
      {Kind::passphrase, passphrase_entry("3", "262144")},
      {Kind::systemd_creds, R"({"type":"systemd_creds","credential":"aivault-kek"})"},
      {Kind::keyring, R"({"type":"keyring","description":"aivault:kek"})"},
      {Kind::macos_keychain, R"({"type":"macos_keychain","service":"aivault","account":"kek"})"},
  };
  for (const auto& [kind, entry] : rows) {
    const auto provider = KeyProvider::parse(entry);
    ASSERT_TRUE(provider) << entry << provider.error().message;
    EXPECT_EQ(provider->kind, kind);
    EXPECT_EQ(provider->json(), entry);
    EXPECT_EQ(provider_kind(option_of(kind)), kind);
  }
  EXPECT_EQ(provider_kind("tpm"), std::nullopt);
}

TEST_F(KeyProviders, RefuseEntriesThatAreMalformed) {
  const std::vector<std::string> rows = {
      "",
      "[]",
      "{}",
      R"({"type":7})",
      R"({"type":"tpm"})",
      R"({"type":"file"})",
      R"({"type":"file","path":""})",
      R"({"type":"file","path":7})",
      R"({"type":"env"})",
      R"({"type":"env","envVar":"A=B"})",
      R"({"type":"env","envVar":"1A"})",
      R"({"type":"env","envVar":")" + std::string(300, 'A') + R"("})",
      R"({"type":"systemd_creds","credential":"../../etc/passwd"})",
      R"({"type":"systemd_creds","credential":".."})",
      R"({"type":"systemd_creds","credential":""})",
      R"({"type":"keyring"})",
      R"({"type":"keyring","description":"a\nb"})",
      R"({"type":"macos_keychain","service":"aivault"})",
      R"({"type":"passphrase"})",
      R"({"type":"passphrase","kdf":{}})",
      R"({"type":"passphrase","kdf":{"alg":"scrypt","saltB64":")" + salt_of(16) +
          R"(","passes":3,"memoryKib":262144}})",
      passphrase_entry("1", "262144"),
      passphrase_entry("33", "262144"),
      passphrase_entry("3.5", "262144"),
      passphrase_entry("3", "65535"),
      passphrase_entry("3", "4194305"),
      passphrase_entry("3", "99999999999999999999"),
      passphrase_entry("3", "262144", salt_of(15)),
      passphrase_entry("3", "262144", salt_of(17)),
      passphrase_entry("3", "262144", "!!"),
  };
  for (const auto& entry : rows) {
    const auto provider = KeyProvider::parse(entry);
    ASSERT_FALSE(provider) << entry;
    EXPECT_EQ(provider.error().reason, "key_unavailable") << entry;
    EXPECT_TRUE(provider.error().message.starts_with("vault provider misconfigured: ")) << entry;
  }
}

TEST_F(KeyProviders, LoadAKeyFromAVariableAndWipeIt) {
  ProviderChoice choice;
  choice.kind = Kind::env;
  choice.env_var = "AIVAULT_TEST_KEY";
  EXPECT_EQ(refusal(choice),
            "vault provider misconfigured: environment variable 'AIVAULT_TEST_KEY': it is not set");
  for (const auto& text : {key_in_base64(), " " + key_in_hex() + "\n"}) {
    sources_.variables = std::make_shared<platform::KeyVariables>();
    ::setenv("AIVAULT_TEST_KEY", text.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    const auto id = load(choice);
    ASSERT_TRUE(id) << id.error().message;
    EXPECT_EQ(*id, kKeyId);
    EXPECT_STREQ(::getenv("AIVAULT_TEST_KEY"), "");  // NOLINT(concurrency-mt-unsafe)
    EXPECT_TRUE(load(choice));
  }
  for (const auto& text : {std::string("not a key"),
                           key_in_hex().substr(1),
                           base64(bytes_of(std::string(32, 'k'))),
                           std::string(64, '0')}) {
    sources_.variables = std::make_shared<platform::KeyVariables>();
    ::setenv("AIVAULT_TEST_KEY", text.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    const auto sentence = refusal(choice);
    EXPECT_NE(sentence.find("does not hold a key"), std::string::npos) << sentence;
    EXPECT_EQ(sentence.find(text), std::string::npos) << sentence;
  }
  ::unsetenv("AIVAULT_TEST_KEY");  // NOLINT(concurrency-mt-unsafe)
}

TEST_F(KeyProviders, LoadACredentialOfTheServiceManager) {
  ProviderChoice choice;
  choice.kind = Kind::systemd_creds;
  EXPECT_NE(refusal(choice).find("start the daemon's unit"), std::string::npos);
  sources_.credentials_directory = place_.base();
  EXPECT_NE(refusal(choice).find("systemd credential 'aivault-kek': it is not in '"),
            std::string::npos);
  const auto path = write("aivault-kek", key_in_base64() + "\n", 0440);
  EXPECT_EQ(*load(choice), kKeyId);  // Bits of the group hold the mask of an access list.
  ::chmod(path.c_str(), 0444);
  EXPECT_NE(refusal(choice).find("others can use it"), std::string::npos);
  std::filesystem::remove(path);
  write("aivault-kek", "not a key", 0400);
  EXPECT_NE(refusal(choice).find("does not hold a key"), std::string::npos);
  std::filesystem::remove(path);
  write("aivault-kek", std::string(5000, 'x'), 0400);
  EXPECT_NE(refusal(choice).find("too large"), std::string::npos);
  std::filesystem::remove(path);
  std::filesystem::create_symlink(write("elsewhere", key_in_hex(), 0400), path);
  EXPECT_NE(refusal(choice).find("symbolic link"), std::string::npos);
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_NE(refusal(choice).find("not a regular file"), std::string::npos);
  sources_.credentials_directory = "relative";
  EXPECT_NE(refusal(choice).find("not an absolute path"), std::string::npos);
}

TEST_F(KeyProviders, KnowTheKeyStoresThatTheyCannotUse) {
  ProviderChoice choice;
  choice.kind = Kind::keyring;
  EXPECT_NE(refusal(choice).find("keyring 'aivault:kek': "), std::string::npos);
  choice.kind = Kind::macos_keychain;
  EXPECT_NE(refusal(choice).find("macos-keychain is only available on macOS"), std::string::npos);
}

TEST_F(KeyProviders, AskForAPassphraseBeforeTheyDeriveAKey) {
  ProviderChoice choice;
  choice.kind = Kind::passphrase;
  EXPECT_EQ(load(choice).error().reason, "vault_locked");
  const auto provider = KeyProvider::of(choice, root_, "").value();
  EXPECT_EQ(provider.cost.passes, 3);
  EXPECT_EQ(provider.cost.memory_kib, 262'144);
  const auto blank = Secret::copy_of(std::string_view(" \t\n"));
  const auto refused = adopt_or_make_key(provider, root_, {sources_, &blank});
  EXPECT_EQ(refused.error().reason, "record_invalid");
  const auto absent = adopt_or_make_key(provider, root_, {sources_});
  EXPECT_EQ(absent.error().message, "--passphrase is required for --provider passphrase");
}

TEST_F(KeyProviders, JudgeAPassphraseByItsCharacters) {
  const auto flaw = [](std::string_view text) { return flaw_of(Secret::copy_of(text)); };
  EXPECT_EQ(flaw(""), PassphraseFlaw::blank);
  EXPECT_EQ(flaw("  \t "), PassphraseFlaw::blank);
  EXPECT_EQ(flaw("elevenchars"), PassphraseFlaw::guessable);
  EXPECT_EQ(flaw("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), PassphraseFlaw::guessable);
  EXPECT_EQ(flaw("twelve chars"), PassphraseFlaw::none);
}

TEST_F(KeyProviders, AreChosenAutomaticallyByWhatThereIs) {
  auto options = place_.options();
  options.keys = sources_;
  options.keys.credentials_directory = place_.base();
  write("aivault-kek", key_in_base64(), 0400);
  const auto vault = Vault::open_or_create(options);
  ASSERT_TRUE(vault) << vault.error().message;
  EXPECT_EQ((*vault)->status().provider_type, "systemd_creds");
  EXPECT_EQ((*vault)->status().kek_id, kKeyId);
  EXPECT_FALSE(std::filesystem::exists(place_.key_file()));
}

TEST_F(KeyProviders, PutNoKeyOnTheDiskBecauseACredentialCannotBeLookedAt) {
  auto options = place_.options();
  options.keys = sources_;
  options.keys.credentials_directory = write("no-directory", "", 0600);
  const auto vault = Vault::open_or_create(options);
  ASSERT_FALSE(vault);
  EXPECT_EQ(vault.error().reason, "key_unavailable");
  EXPECT_FALSE(std::filesystem::exists(place_.key_file()));
}

}  // namespace
}  // namespace aivault::vault
