// DeskFixture: a desk over a real vault in a temporary directory, asked through the table of
// operations as the server does. For tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "admin/desk.h"
#include "admin/operation.h"

namespace aivault::admin {

class DeskFixture : public ::testing::Test {
 public:
  ~DeskFixture() override;

 protected:
  DeskFixture();

  // Target: percent-encoded path and query; body: JSON text, empty for none.
  Result<Answer> ask(std::string_view method, std::string_view target, std::string_view body = "");
  // The result as compact JSON in its printed order, with ids as ID and times as T.
  std::string ok(std::string_view method, std::string_view target, std::string_view body = "");
  // The sentence of a refusal; "" and a failed test if there is none.
  std::string refusal(std::string_view method, std::string_view target, std::string_view body = "");
  // The texts of notices of the last answer, warnings with a leading '!'.
  const std::vector<std::string>& notices() const { return notices_; }

  // A new secret; returns its id.
  std::string make_secret(std::string_view name,
                          std::string_view value,
                          std::string_view more = "");
  // {"id":"acme","provider":"acme",...} with header auth and one host.
  std::string make_custom(std::string_view id, std::string_view secret_id);
  std::vector<std::string> audit_kinds();  // Oldest first.
  // Overwrites text in the database file, as someone would who lacks the key; equal lengths.
  void tamper(std::string_view from, std::string_view to);
  vault::Vault& vault();
  std::shared_ptr<const catalog::Snapshot> snapshot();

  std::filesystem::path directory_;
  vault::Slot slot_;
  catalog::Catalog catalog_;
  DaemonFacts facts_;
  Desk desk_;
  Actor actor_;

 private:
  std::vector<std::string> notices_;
};

// `text` with UUIDs as ID and values of keys ending in Ms as T.
std::string without_ids(std::string text);

}  // namespace aivault::admin
