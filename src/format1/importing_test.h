// Importing: an old directory with a key file beside an empty vault, for tests of the import.
// Thread: one.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format1/import.h"
#include "format1/old_vault_fixture.h"
#include "format1/source_key.h"
#include "testing/vault_place.h"

namespace aivault::format1 {

inline audit::Event operator_acts() {
  audit::Event event;
  event.actor = "operator";
  return event;
}

class Importing : public ::testing::Test {
 protected:
  Importing() : old_(place_.base() + "/old") { old_.with_key_file(); }

  Result<Report> try_import(const Choice& choice = {}) {
    TRY_ASSIGN(const auto source, Source::open(old_.root()));
    TRY_ASSIGN(const auto text, source.read(kHeaderFile));
    TRY_ASSIGN(const auto header, parse_header(text.value_or("")));
    TRY_ASSIGN(const auto found, find_key(header, source, {}));
    return import_vault(vault(), source, header, found.key, choice, operator_acts());
  }
  Report import(const Choice& choice = {}) {
    auto report = try_import(choice);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *std::move(report) : Report();
  }
  vault::Vault& vault() {
    if (!vault_) vault_ = place_.open();
    return *vault_;
  }
  std::map<std::string, vault::SecretRecord> secrets() {
    std::map<std::string, vault::SecretRecord> by_name;
    (void)vault().read([&](vault::Reader& reader) -> Result<void> {
      std::vector<vault::Problem> damaged;
      TRY_ASSIGN(const auto page, reader.secrets({}, std::nullopt, 1000, damaged));
      EXPECT_TRUE(damaged.empty());
      for (const auto& secret : page) {
        if (!secret.revoked_at) by_name[secret.name] = secret;
      }
      return {};
    });
    return by_name;
  }
  bool opens_as(const std::string& id, std::string_view value, const vault::Context& context = {}) {
    const auto opened = vault().open_secret(SecretId(id), context, vault::Opener::other);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened && opened->value == Secret::copy_of(value);
  }
  std::optional<vault::CredentialRow> credential(const std::string& id) {
    auto row = vault::read(vault(), [&](vault::Reader& reader) { return reader.credential(id); });
    return row ? *row : std::nullopt;
  }
  std::vector<audit::Record> audit() {
    auto records = vault::read(vault(), [&](vault::Reader& reader) {
      audit::Filter filter;
      filter.limit = 1000;
      return reader.audit(filter);
    });
    std::ranges::reverse(*records);
    return *records;
  }
  static std::string text_of(const std::vector<Entry>& entries) {
    std::string text;
    for (const auto& entry : entries) {
      text += entry.kind + " " + entry.id + ": " + entry.text + "\n";
    }
    return text;
  }
  static bool has_notice(const Report& report, std::string_view part) {
    return std::ranges::any_of(report.notices, [&](const std::string& notice) {
      return notice.find(part) != std::string::npos;
    });
  }

  testing::VaultPlace place_;
  OldVault old_;
  std::unique_ptr<vault::Vault> vault_;
};

}  // namespace aivault::format1
