#include "format1/header.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "format1/history.h"
#include "format1/old_vault_fixture.h"
#include "format1/source_key.h"
#include "platform/key_variables.h"
#include "testing/vault_place.h"

namespace aivault::format1 {
namespace {

namespace fs = std::filesystem;

std::string with_provider(const std::string& provider) {
  return R"({"version":1,"createdAtMs":5,"kekId":"AB","provider":)" + provider + "}";
}

TEST(OldHeader, KnowsEveryProvider) {
  const auto file = parse_header(with_provider(R"({"type":"file","path":"k"})"));
  ASSERT_TRUE(file);
  EXPECT_EQ(std::get<FileKey>(file->key).path, "k");
  EXPECT_EQ(file->key_id, "ab");
  EXPECT_EQ(to_int(file->created_at), 5);
  const auto env = parse_header(with_provider(R"({"type":"env","env_var":"K"})"));
  ASSERT_TRUE(env);
  EXPECT_EQ(std::get<EnvKey>(env->key).variable, "K");
  const auto keychain =
      parse_header(with_provider(R"({"type":"macos_keychain","service":"s","account":"a"})"));
  ASSERT_TRUE(keychain);
  EXPECT_TRUE(std::holds_alternative<KeychainKey>(keychain->key));
}

TEST(OldHeader, RefusesWhatItCannotTrust) {
  const auto kdf = [](const std::string& fields) {
    return with_provider(R"({"type":"passphrase","kdf":{)" + fields +
                         R"(},"check":{"sha256Hex":"00","blob":{}}})");
  };
  const std::string salt = R"("saltB64":"AAAAAAAAAAAAAAAAAAAAAA==",)";
  const std::pair<std::string, std::string> cases[] = {
      {"", "JSON"},
      {"[]", "malformed 'vault.json'"},
      {"{}", "malformed 'version'"},
      {R"({"version":0})", "malformed 'version'"},
      {R"({"version":2})", "format 2; import reads format 1"},
      {R"({"version":1})", "malformed 'createdAtMs'"},
      {R"({"version":1,"createdAtMs":5})", "malformed 'provider'"},
      {with_provider(R"({"type":"tape"})"), "unknown key provider 'tape'"},
      {with_provider(R"({"type":"file"})"), "malformed 'path'"},
      {with_provider(R"({"type":"env"})"), "malformed 'env_var'"},
      {with_provider(R"({"type":"passphrase"})"), "malformed 'kdf'"},
      {kdf(R"("saltB64":"AAAA")"), "malformed 'saltB64'"},
      {kdf(salt + R"("mCostKib":64,"tCost":1,"pCost":2)"), "'pCost' other than 1"},
      {kdf(salt + R"("mCostKib":7,"tCost":1,"pCost":1)"), "'mCostKib' must be"},
      {kdf(salt + R"("mCostKib":4194305,"tCost":1,"pCost":1)"), "'mCostKib' must be"},
      {kdf(salt + R"("mCostKib":64,"tCost":0,"pCost":1)"), "'tCost' must be 1 to 10000"},
      {kdf(salt + R"("mCostKib":64,"tCost":4294967295,"pCost":1)"), "'tCost' must be 1 to 10000"},
      {kdf(salt + R"("mCostKib":4194304,"tCost":33,"pCost":1)"), "'tCost' times 'mCostKib' must"},
      {kdf(salt + R"("mCostKib":64,"tCost":1,"pCost":1)"), "malformed 'sha256Hex'"},
  };
  for (const auto& [text, error] : cases) {
    const auto header = parse_header(text);
    ASSERT_FALSE(header) << text;
    EXPECT_NE(header.error().message.find(error), std::string::npos)
        << header.error().message << " / " << error;
  }
}

class OldKey : public ::testing::Test {
 protected:
  OldKey() : old_(place_.base() + "/old") {}

  Result<SourceKey> find(const KeyGiven& given = {}) {
    TRY_ASSIGN(const auto source, Source::open(old_.root()));
    TRY_ASSIGN(const auto text, source.read(kHeaderFile));
    TRY_ASSIGN(const auto header, parse_header(text.value_or("")));
    return find_key(header, source, given);
  }
  static void write_key(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    fs::permissions(path.parent_path(), fs::perms::owner_all);
    std::ofstream(path) << text;
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  }

  testing::VaultPlace place_;
  OldVault old_;
};

TEST_F(OldKey, IsSoughtAsGivenThenUnderTheVaultThenWhereKeysUsuallyAre) {
  const auto home = fs::path(place_.base()) / "home/kek.key";
  const auto given = fs::path(place_.base()) / "given/my.key";
  old_.write_header(R"({"type":"file","path":")" + given.string() + R"("})");
  KeyGiven usual;
  usual.key_files = {home.string()};
  EXPECT_FALSE(find(usual));
  for (const auto& path : {home, old_.root() / "kek.key", old_.root() / "my.key", given}) {
    write_key(path, OldVault::key_text());
    const auto found = find(usual);
    ASSERT_TRUE(found) << path << found.error().message;
    EXPECT_EQ(found->file, path.string());
    EXPECT_TRUE(found->key == old_.key());
  }
}

TEST_F(OldKey, PrefersTheFileThatTheHeaderNames) {
  old_.write_header(R"({"type":"file","path":"my.key"})");
  write_key(old_.root() / "my.key", std::string(62, 'a') + "bc");
  write_key(old_.root() / "kek.key", OldVault::key_text());
  const auto found = find();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->file, (old_.root() / "kek.key").string());
}

TEST_F(OldKey, RefusesAKeyFileThatOthersCanRead) {
  old_.with_key_file();
  fs::permissions(old_.root() / "kek.key", fs::perms::others_read, fs::perm_options::add);
  const auto found = find();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().reason, "key_unavailable");
  EXPECT_NE(found.error().message.find("chmod"), std::string::npos) << found.error().message;
}

TEST_F(OldKey, ComesFromAVariable) {
  old_.write_header(R"({"type":"env","env_var":"AIVAULT_TEST_OLD_KEY"})");
  KeyGiven given;
  given.sources.variables = std::make_shared<platform::KeyVariables>();
  EXPECT_FALSE(find(given));
  ASSERT_EQ(::setenv("AIVAULT_TEST_OLD_KEY", OldVault::key_text().c_str(), 1), 0);
  const auto found = find(given);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->key == old_.key());
}

TEST_F(OldKey, ComesFromAPassphraseThatFits) {
  old_.with_passphrase("correct horse");
  EXPECT_EQ(find().error().reason, "key_unavailable");
  const auto wrong = Secret::copy_of(std::string_view("wrong horse"));
  KeyGiven given;
  given.passphrase = &wrong;
  EXPECT_EQ(find(given).error().reason, "wrong_key");
  const auto right = Secret::copy_of(std::string_view("correct horse"));
  given.passphrase = &right;
  const auto found = find(given);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->key == old_.key());
}

TEST_F(OldKey, IsReplacedByAGivenOne) {
  old_.write_header(R"({"type":"macos_keychain"})");
  EXPECT_NE(find().error().message.find("only available on macOS"), std::string::npos);
  const auto text = Secret::copy_of(OldVault::key_text());
  KeyGiven given;
  given.key_text = &text;
  ASSERT_TRUE(find(given));
  const auto passphrase = Secret::copy_of(std::string_view("both"));
  given.passphrase = &passphrase;
  EXPECT_EQ(find(given).error().message, "give a key or a passphrase, not both");
  const auto broken = Secret::copy_of(std::string_view("short"));
  given = {};
  given.key_text = &broken;
  EXPECT_EQ(find(given).error().reason, "key_unavailable");
}

TEST(OldHistory, OrdersMonthsAndTheirPartsOldestFirst) {
  EXPECT_EQ(history_order({"2025-02.jsonl",
                           "2025-01.jsonl",
                           "2025-01.jsonl.2",
                           "2025-01.jsonl.10",
                           "2025-01.jsonl.0",
                           "2025-01.jsonl.11",
                           "2025-01.jsonl.x",
                           "2025-1.jsonl",
                           "2024-12.jsonl.1"}),
            (std::vector<std::string>{"2024-12.jsonl.1",
                                      "2025-01.jsonl.10",
                                      "2025-01.jsonl.2",
                                      "2025-01.jsonl",
                                      "2025-02.jsonl"}));
}

TEST(OldHistory, ReadsEventsAndNothingElse) {
  const auto event = parse_event(
      R"({"tsMs":7,"kind":"secret.create","secretId":"s","scope":"group:w:g","actor":"operator",)"
      R"("capability":"a/b","consumer":"c","note":"n","unknown":1})");
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->imported);
  EXPECT_EQ(to_int(*event->at), 7);
  EXPECT_EQ(event->kind + event->secret_id + event->scope + event->actor + event->capability +
                event->consumer + event->note,
            "secret.createsgroup:w:goperatora/bcn");
  EXPECT_EQ(parse_event(R"({"tsMs":7,"kind":"x","scope":{"type":"workspace","workspace_id":"w"}})")
                ->scope,
            "workspace:w");
  const std::string lines[] = {
      std::string("{}"),
      std::string("7"),
      std::string(R"({"tsMs":-1,"kind":"x"})"),
      std::string(R"({"tsMs":1,"kind":""})"),
      std::string(R"({"tsMs":1,"kind":"a b"})"),
      std::string(R"({"tsMs":1,"kind":"x","note":7})"),
      R"({"tsMs":1,"kind":"x","note":")" + std::string(70'000, 'n') + R"("})"};
  for (const auto& line : lines) {
    EXPECT_FALSE(parse_event(line)) << line.substr(0, 80);
  }
}

}  // namespace
}  // namespace aivault::format1
