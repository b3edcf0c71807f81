#include "format1/in_place.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "format1/old_vault_fixture.h"
#include "testing/vault_place.h"

namespace aivault::format1 {
namespace {

namespace fs = std::filesystem;

class InPlace : public ::testing::Test {
 protected:
  InPlace() : old_(place_.root()) {
    old_.add({.id = old_id(1), .name = "A", .value = "value of a"});
    old_.write("broker.json", R"({"version":1})");
    old_.write("audit/2025-01.jsonl", "{\"tsMs\":7,\"kind\":\"secret.create\"}\n");
  }

  Result<Report> import(const KeyGiven& given = {}, const Choice& choice = {}) {
    TRY_ASSIGN(const auto source, Source::open(old_.root()));
    TRY_ASSIGN(const auto text, source.read(kHeaderFile));
    TRY_ASSIGN(const auto header, parse_header(text.value_or("")));
    return import_in_place(place_.options(), source, header, given, choice, testing::event_of(""));
  }
  bool has(const std::string& name) const { return fs::exists(old_.root() / name); }
  std::string read(const std::string& name) const {
    std::ifstream file(old_.root() / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void expect_imported(const Secret* passphrase = nullptr) {
    const auto vault = vault::Vault::open(place_.options(), passphrase);
    ASSERT_TRUE(vault) << vault.error().message;
    const auto opened = (*vault)->open_secret(SecretId(old_id(1)), {}, vault::Opener::other);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(opened->value == Secret::copy_of(std::string_view("value of a")));
    EXPECT_TRUE((*vault)->verify_audit(std::nullopt)->ok);
    for (const auto* name : {"secrets", "broker.json"}) EXPECT_FALSE(has(name)) << name;
    EXPECT_TRUE(has("format-1/secrets/" + old_id(1) + ".json"));
    EXPECT_TRUE(has("format-1/audit/2025-01.jsonl"));
    EXPECT_NE(read("format-1/vault.json").find(R"("version":1)"), std::string::npos);
    EXPECT_NE(read("vault.json").find(R"("version": 2)"), std::string::npos);
    EXPECT_EQ(read("vault.json").find("createdAtMs"), std::string::npos);
  }

  testing::VaultPlace place_;
  OldVault old_;
};

TEST_F(InPlace, KeepsTheKeyFileAndMovesTheOldFiles) {
  old_.with_key_file();
  const auto closed = vault::Vault::open(place_.options());
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().reason, "old_format");
  const auto report = import();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->secrets, 1);
  EXPECT_EQ(report->audit, 1);
  EXPECT_EQ(read("kek.key"), OldVault::key_text());
  EXPECT_FALSE(has("vault.new"));
  EXPECT_NE(read("vault.json").find(R"("version": 2)"), std::string::npos);
  expect_imported();
}

TEST_F(InPlace, KeepsAPassphraseAtTodaysCost) {
  old_.with_passphrase("correct horse battery");
  old_.add({.id = old_id(1), .name = "A", .value = "value of a"});
  const auto passphrase = Secret::copy_of(std::string_view("correct horse battery"));
  KeyGiven given;
  given.passphrase = &passphrase;
  const auto report = import(given);
  ASSERT_TRUE(report) << report.error().message;
  expect_imported(&passphrase);
}

TEST_F(InPlace, ARehearsalLeavesTheOldVault) {
  old_.with_key_file();
  const auto header = read("vault.json");
  const auto report = import({}, {.keeping = Keeping::nothing});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->secrets, 1);
  EXPECT_EQ(read("vault.json"), header);
  for (const auto* name : {"vault.db", "vault.db.new", "vault.new", "format-1"}) {
    EXPECT_FALSE(has(name)) << name;
  }
  ASSERT_TRUE(import());
  expect_imported();
}

TEST_F(InPlace, AnOpenFinishesAMoveThatWasCut) {
  old_.with_key_file();
  ASSERT_TRUE(import());
  // As if killed after the first file had moved.
  fs::copy_file(old_.root() / "format-1/vault.json",
                old_.root() / "vault.json",
                fs::copy_options::overwrite_existing);
  fs::remove(old_.root() / "format-1/vault.json");
  fs::rename(old_.root() / "format-1/secrets", old_.root() / "secrets");
  fs::rename(old_.root() / "format-1/audit", old_.root() / "audit");
  expect_imported();
  expect_imported();
}

TEST_F(InPlace, RefusesAKeyThatOpensNothing) {
  old_.with_key_file();
  old_.write("kek.key", std::string(62, 'a') + "bc");
  const auto report = import();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().reason, "wrong_key");
  EXPECT_FALSE(has("vault.db"));
  EXPECT_TRUE(has("secrets/" + old_id(1) + ".json"));
}

TEST_F(InPlace, RefusesToMixWithTheFilesOfAnEarlierImport) {
  old_.with_key_file();
  fs::create_directory(old_.root() / "format-1");
  const auto report = import();
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().message.find("move it away first"), std::string::npos);
}

TEST_F(InPlace, BeginsAgainAfterAStagingThatWasCut) {
  old_.with_key_file();
  fs::create_directory(old_.root() / "vault.new");
  old_.write("vault.new/vault.db", "half");
  old_.write("vault.db.new", "half");
  ASSERT_TRUE(import());
  expect_imported();
}

}  // namespace
}  // namespace aivault::format1
