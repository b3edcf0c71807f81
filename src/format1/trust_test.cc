// What an old directory may not do to the vault that takes it: use, or turn away, what is there.
#include <gtest/gtest.h>

#include <algorithm>

#include "catalog/catalog.h"
#include "catalog/provision.h"
#include "format1/import.h"
#include "format1/old_vault_fixture.h"
#include "format1/source_key.h"
#include "testing/vault_place.h"

namespace aivault::format1 {
namespace {

using testing::VaultPlace;

constexpr std::string_view kBearer =
    R"({"header":{"header_name":"authorization","value_template":"Bearer {{secret}}"}})";

std::string credential_entry(std::string_view id,
                             std::string_view provider,
                             std::string_view host,
                             std::string_view secret) {
  return R"({"id":")" + std::string(id) + R"(","provider":")" + std::string(provider) +
         R"(","workspaceId":null,"groupId":null,"auth":)" + std::string(kBearer) +
         R"(,"hosts":[")" + std::string(host) + R"("],"secretRef":"vault:secret:)" +
         std::string(secret) + R"("})";
}

std::string binding_entry(std::string_view capability, std::string_view secret) {
  return R"({"capability":")" + std::string(capability) + R"(","secretRef":"vault:secret:)" +
         std::string(secret) + R"(","scope":{"type":"global"},"updatedAtMs":1700000005000})";
}

std::string broker(const std::string& credentials, const std::string& capabilities = "") {
  return R"({"version":1,"credentials":[)" + credentials + R"(],"capabilities":[)" + capabilities +
         "]}";
}

std::string bindings(const std::string& entries) {
  return R"({"version":1,"bindings":[)" + entries + "]}";
}

class Trust : public ::testing::Test {
 protected:
  Trust() : old_(place_.base() + "/old"), vault_(place_.open()) {
    old_.with_key_file();
    who_.actor = "operator";
  }

  Report import(const Choice& choice = {}) {
    const auto source = Source::open(old_.root());
    const auto text = source->read(kHeaderFile);
    const auto header = parse_header(text->value_or(""));
    const auto found = find_key(*header, *source, {});
    auto report = import_vault(*vault_, *source, *header, found->key, choice, who_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *std::move(report) : Report();
  }
  // A secret of the operator, with what the registry makes of it.
  std::string own_secret(const std::string& name, std::string_view value) {
    auto made = vault::change(*vault_, [&](vault::Change& change) -> Result<std::string> {
      const auto wanted = testing::named(name);
      TRY_ASSIGN(const auto secret, change.create_secret(wanted, Secret::copy_of(value)));
      TRY(catalog::keep_everything_in_step(change, who_));
      change.record(catalog::event_of(who_, "secret.create"));
      return secret.id.str();
    });
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or("");
  }
  std::optional<vault::CredentialRow> credential(const std::string& id) {
    auto row = vault::read(*vault_, [&](vault::Reader& reader) { return reader.credential(id); });
    return row ? *row : std::nullopt;
  }
  std::size_t bindings_of(const std::string& secret) {
    const auto rows = vault::read(*vault_, [&](vault::Reader& reader) {
      return reader.bindings_of_secret(SecretId(secret));
    });
    return rows ? rows->size() : 0;
  }
  static bool says(const Report& report, std::string_view part) {
    return std::ranges::any_of(report.notices, [&](const std::string& notice) {
      return notice.find(part) != std::string::npos;
    });
  }
  static std::string all(const Report& report) {
    std::string text;
    for (const auto& notice : report.notices) text += notice + "\n";
    for (const auto& entry : report.skipped) text += entry.id + ": " + entry.text + "\n";
    for (const auto& entry : report.failed) text += entry.id + ": " + entry.text + "\n";
    return text;
  }

  VaultPlace place_;
  OldVault old_;
  std::unique_ptr<vault::Vault> vault_;
  audit::Event who_;
};

TEST_F(Trust, NoCredentialOfTheDirectoryUsesASecretThatWasHereBefore) {
  const auto mine = own_secret("LIVE_KEY", "the operator's own value");
  old_.write("broker.json", broker(credential_entry("w", "weather", "api.evil.example", mine)));
  const auto report = import();
  const auto row = credential("w");
  ASSERT_TRUE(row);
  EXPECT_FALSE(row->enabled);
  EXPECT_FALSE(row->secret_id);
  EXPECT_TRUE(says(report, "Credential w is imported switched off: its secret was here before"))
      << all(report);
  catalog::Catalog catalog;
  const auto snapshot = catalog.current(*vault_);
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(std::ranges::any_of((*snapshot)->problems(), [](const vault::Problem& problem) {
    return problem.id == "w" && problem.message.find("was here before") != std::string::npos;
  }));
}

TEST_F(Trust, NoBindingOfTheDirectoryNamesASecretThatWasHereBefore) {
  const auto mine = own_secret("LIVE_KEY", "the operator's own value");
  old_.write("capabilities.json", bindings(binding_entry("openai/chat-completions", mine)));
  const auto report = import();
  EXPECT_EQ(report.bindings, 0);
  EXPECT_EQ(bindings_of(mine), 0U);
  ASSERT_EQ(report.skipped.size(), 1U);
  EXPECT_EQ(report.skipped[0].kind, "binding");
  EXPECT_NE(report.skipped[0].text.find("its secret was here before"), std::string::npos);
}

TEST_F(Trust, AnEqualIdAloneDoesNotMakeASecretTheirs) {
  old_.add({.id = old_id(1), .name = "ACME", .value = "the value of yesterday"});
  import();
  old_.add({.id = old_id(1), .name = "ACME", .value = "a value of somebody else"});
  old_.write("broker.json",
             broker(credential_entry("w", "weather", "api.evil.example", old_id(1))));
  old_.write("capabilities.json", bindings(binding_entry("openai/chat-completions", old_id(1))));
  const auto report = import();
  EXPECT_EQ(report.bindings, 0);
  ASSERT_TRUE(credential("w"));
  EXPECT_FALSE(credential("w")->enabled);
}

TEST_F(Trust, TheSameSecretWithTheSameValueIsKnownAgain) {
  old_.add({.id = old_id(1), .name = "ACME"});
  EXPECT_EQ(import().secrets, 1);
  old_.write("broker.json", broker(credential_entry("w", "weather", "api.acme.test", old_id(1))));
  old_.write("capabilities.json", bindings(binding_entry("openai/chat-completions", old_id(1))));
  const auto report = import();
  EXPECT_EQ(report.secrets, 0);
  EXPECT_EQ(report.bindings, 1);
  ASSERT_TRUE(credential("w"));
  EXPECT_TRUE(credential("w")->enabled) << all(report);
}

TEST_F(Trust, ACapabilityInUseThatGetsAnotherSecretIsSaidFirst) {
  own_secret("OPENAI_API_KEY", "sk-the-operators-own-key");
  ASSERT_TRUE(credential("openai"));
  old_.add({.id = old_id(1), .name = "HARMLESS", .pin = "openai", .aad_version = 2});
  old_.write("capabilities.json", bindings(binding_entry("openai/chat-completions", old_id(1))));
  const auto report = import({.keeping = Keeping::nothing});  // A rehearsal says it too.
  EXPECT_EQ(report.bindings, 1);
  ASSERT_FALSE(report.notices.empty());
  EXPECT_EQ(report.notices[0],
            "Capability openai/chat-completions was in use here before and is bound to secret "
            "HARMLESS of the old vault now (global), hosts api.openai.com, us.api.openai.com, "
            "eu.api.openai.com: `aivault capability "
            "unbind` undoes it");
}

TEST_F(Trust, WhatBecameCallableIsListed) {
  old_.add({.id = old_id(1), .name = "ACME"});
  old_.add({.id = old_id(2), .name = "OPENAI_API_KEY"});
  old_.write("broker.json",
             broker(credential_entry("acme", "acme", "api.acme.test", old_id(1)),
                    R"({"id":"acme/items","provider":"acme","allow":{"hosts":["api.acme.test"],)"
                    R"("methods":["GET"],"pathPrefixes":["/items"]}})"));
  old_.write("capabilities.json", bindings(binding_entry("acme/items", old_id(1))));
  const auto report = import();
  EXPECT_TRUE(says(
      report, "Credential acme can be used now: provider acme, secret ACME, hosts api.acme.test"))
      << all(report);
  EXPECT_TRUE(says(report,
                   "Credential openai can be used now: provider openai, secret OPENAI_API_KEY, "
                   "hosts api.openai.com"))
      << all(report);
  EXPECT_TRUE(
      says(report, "Capability acme/items can be called now: provider acme, host api.acme.test"))
      << all(report);
  EXPECT_TRUE(says(
      report, "Capability acme/items is bound to secret ACME now (global), hosts api.acme.test"))
      << all(report);
  EXPECT_FALSE(says(report, "was in use here before"));
}

TEST_F(Trust, AFloodOfEntriesDoesNotHideWhatWasSwitched) {
  own_secret("OPENAI_API_KEY", "sk-the-operators-own-key");
  old_.add({.id = old_id(1), .name = "HARMLESS", .pin = "openai", .aad_version = 2});
  std::string many;
  for (int i = 0; i < 150; ++i) {
    if (i > 0) many += ",";
    many += credential_entry("c " + std::to_string(i), "acme", "api.acme.test", old_id(1));
  }
  old_.write("broker.json", broker(many));
  old_.write("capabilities.json", bindings(binding_entry("openai/chat-completions", old_id(1))));
  const auto report = import();
  EXPECT_EQ(report.notices[0].find("Capability openai/chat-completions was in use"), 0U);
  EXPECT_LE(report.notices.size(), 500U);
  EXPECT_TRUE(says(report, "more of such notices"));
}

TEST_F(Trust, HostsOfTheDirectoryDoNotMoveASecretThatWasHereBefore) {
  own_secret("GITHUB_TOKEN", "ghp_0123456789abcdef0123456789abcdef0123");
  ASSERT_TRUE(credential("github"));
  old_.write("broker.json",
             broker(credential_entry("github", "github", "api.evil.ghe.com", old_id(1))));
  const auto report = import();
  EXPECT_EQ(credential("github")->body.find("evil"), std::string::npos);
  EXPECT_NE(all(report).find("github: its secret was here before"), std::string::npos)
      << all(report);
}

TEST_F(Trust, HostsOfTheDirectoryGoWithItsOwnSecret) {
  old_.add({.id = old_id(1), .name = "GITHUB_TOKEN", .value = "ghp_0123456789abcdef0123456789"});
  old_.write("broker.json",
             broker(credential_entry("github", "github", "api.acme.ghe.com", old_id(1))));
  const auto report = import();
  ASSERT_TRUE(credential("github"));
  EXPECT_NE(credential("github")->body.find("api.acme.ghe.com"), std::string::npos);
  EXPECT_TRUE(says(report,
                   "Credential github can be used now: provider github, secret GITHUB_TOKEN, hosts "
                   "api.acme.ghe.com"))
      << all(report);
}

}  // namespace
}  // namespace aivault::format1
