#include "catalog/catalog.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "catalog/provision.h"
#include "registry/registry.h"
#include "store/database.h"
#include "vault/slot.h"

namespace aivault::catalog {
namespace {

std::filesystem::path temporary_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "aivault-catalog-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  return name;
}

vault::Options options_in(const std::filesystem::path& directory) {
  vault::Options options;
  options.location = {(directory / "vault").string(), (directory / "keys" / "kek.key").string()};
  return options;
}

class CatalogOfAVault : public ::testing::Test {
 protected:
  CatalogOfAVault() : directory_(temporary_directory()), slot_(options_in(directory_)) {}
  ~CatalogOfAVault() override {
    slot_.close();
    std::filesystem::remove_all(directory_);
  }

  vault::Vault& vault() {
    auto open = slot_.get_or_create();
    if (!open) throw std::runtime_error(open.error().message);
    return **open;
  }

  std::shared_ptr<const Snapshot> current() {
    auto snapshot = catalog_.current(vault());
    if (!snapshot) throw std::runtime_error(snapshot.error().message);
    return *snapshot;
  }

  void change(const std::function<Result<void>(vault::Change&)>& work) {
    const auto done = vault().change([&](vault::Change& change) -> Result<void> {
      audit::Event event;
      event.kind = "settings.set";
      event.actor = "operator";
      change.record(std::move(event));
      return work(change);
    });
    EXPECT_TRUE(done) << done.error().message;
  }

  SecretId make_secret(const std::string& name, std::string_view value) {
    SecretId id;
    change([&](vault::Change& change) -> Result<void> {
      vault::NewSecret wanted;
      wanted.name = name;
      TRY_ASSIGN(const auto made, change.create_secret(wanted, Secret::copy_of(value)));
      id = made.id;
      return {};
    });
    return id;
  }

  void put(const std::string& id, const std::string& body, const SecretId& secret) {
    change([&](vault::Change& change) {
      vault::CredentialRow row;
      row.id = id;
      row.provider = "acme";
      row.secret_id = secret;
      row.body = body;
      row.created_at = row.updated_at = change.now();
      return change.put(row);
    });
  }

  // As someone would who can write the files and lacks the key.
  void tamper(store::Sql statement) {
    slot_.close();
    auto database = store::Database::open((directory_ / "vault" / "vault.db").string());
    ASSERT_TRUE(database) << database.error().message;
    const auto done = database->execute(statement);
    ASSERT_TRUE(done) << done.error().message;
  }

  std::filesystem::path directory_;
  vault::Slot slot_;
  Catalog catalog_;
};

constexpr const char* kBody = R"({"auth":{"header":{}},"hosts":["api.acme.test"]})";

TEST_F(CatalogOfAVault, KeepsItsSnapshotUntilTheVaultChanges) {
  const auto before = current();
  EXPECT_EQ(current(), before);
  put("acme", kBody, make_secret("A", "a-long-enough-value"));
  const auto after = current();
  EXPECT_NE(after, before);
  EXPECT_EQ(before->find_credential("acme"), nullptr);
  ASSERT_NE(after->find_credential("acme"), nullptr);
  EXPECT_EQ(current(), after);
}

// Case 180.
TEST_F(CatalogOfAVault, LeavesOutOnlyTheRecordThatIsMalformed) {
  const auto secret = make_secret("A", "a-long-enough-value");
  put("bad", R"({"auth":"basic","hosts":[]})", secret);
  put("good", kBody, secret);
  const auto snapshot = current();
  EXPECT_EQ(snapshot->find_credential("bad")->state, CredentialState::damaged);
  EXPECT_FALSE(snapshot->find_credential("bad")->enabled);
  EXPECT_EQ(snapshot->find_credential("good")->state, CredentialState::ready);
  ASSERT_EQ(snapshot->problems().size(), 1U);
  EXPECT_EQ(snapshot->problems().front().id, "bad");
}

TEST_F(CatalogOfAVault, SaysThatACredentialLacksItsSecret) {
  const auto secret = make_secret("A", "a-long-enough-value");
  put("acme", kBody, secret);
  change([&](vault::Change& change) -> Result<void> {
    TRY(change.revoke_secret(secret));
    return {};
  });
  EXPECT_EQ(current()->find_credential("acme")->state, CredentialState::needs_secret);
}

TEST_F(CatalogOfAVault, RefusesAnOwnCapabilityItCannotRead) {
  change([&](vault::Change& change) {
    vault::CapabilityRow row;
    row.id = "acme/items";
    row.provider = "acme";
    row.body = R"({"hosts":[]})";
    return change.put(row);
  });
  EXPECT_EQ(current()->find_capability("acme/items"), nullptr);
  EXPECT_TRUE(current()->is_refused("acme/items"));
}

TEST_F(CatalogOfAVault, PrefersTheRegistryToAnOwnCapabilityOfItsId) {
  change([&](vault::Change& change) {
    vault::CapabilityRow row;
    row.id = "openai/models";
    row.provider = "acme";
    row.body = R"({"hosts":["evil.test"],"methods":["POST"],"pathPrefixes":["/"]})";
    return change.put(row);
  });
  EXPECT_EQ(current()->find_capability("openai/models"),
            registry::find_capability("openai/models"));
  EXPECT_EQ(current()->problems().size(), 1U);
}

TEST_F(CatalogOfAVault, RefusesACapabilityWhoseDisableWasTamperedWith) {
  for (const auto* id : {"openai/models", "openai/files"}) {
    change([&](vault::Change& change) {
      vault::CapabilityRow row;
      row.id = id;
      row.provider = "openai";
      row.origin = vault::Origin::registry;
      row.enabled = false;
      return change.put(row);
    });
  }
  EXPECT_TRUE(current()->is_disabled("openai/models"));
  tamper("UPDATE capabilities SET enabled = 1 WHERE id = 'openai/models'");
  tamper("DELETE FROM capabilities WHERE id = 'openai/files'");
  EXPECT_TRUE(current()->is_refused("openai/models"));
  EXPECT_TRUE(current()->is_refused("openai/files"));
}

TEST_F(CatalogOfAVault, DoesNotUseACredentialThatWasTamperedWith) {
  put("acme", kBody, make_secret("A", "a-long-enough-value"));
  EXPECT_TRUE(current()->is_ready("acme"));
  tamper("UPDATE credentials SET body = replace(body, 'api.acme.test', 'evil.test')");
  const auto snapshot = current();
  ASSERT_NE(snapshot->find_credential("acme"), nullptr);
  EXPECT_EQ(snapshot->find_credential("acme")->state, CredentialState::damaged);
  EXPECT_TRUE(snapshot->find_credential("acme")->policy.hosts.empty());
  EXPECT_FALSE(snapshot->is_ready("acme"));
  EXPECT_FALSE(snapshot->problems().empty());
}

// A registry that has learnt of a name finds the secrets that already have it.
TEST_F(CatalogOfAVault, IsReconciledOnceWithAnotherRegistry) {
  ASSERT_TRUE(reconcile_with_registry(vault()));
  EXPECT_EQ(current()->credentials().size(), 0U);
  make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");
  make_secret("TWILIO_ACCOUNT_SID", "AC0123456789abcdef");
  make_secret("TWILIO_AUTH_TOKEN", "0123456789abcdef");
  change([&](vault::Change& change) {
    vault::CredentialRow row;
    row.id = row.provider = "gone";
    row.origin = vault::Origin::registry;
    row.created_at = row.updated_at = change.now();
    return change.put(row);
  });
  ASSERT_TRUE(reconcile_with_registry(vault()));
  const auto snapshot = current();
  ASSERT_EQ(snapshot->credentials().size(), 2U);
  EXPECT_EQ(snapshot->credentials()[0].id, "openai");
  EXPECT_EQ(snapshot->credentials()[1].id, "twilio");
  EXPECT_EQ(snapshot->credentials()[1].state, CredentialState::ready);
  ASSERT_TRUE(reconcile_with_registry(vault()));
  EXPECT_EQ(current(), snapshot);
}

// Names of a family, kinds that are gone or were renamed, and composites that nothing makes.
TEST_F(CatalogOfAVault, IsReconciledWithARegistryOfOtherFamiliesAndKinds) {
  const auto shared = make_secret("GOOGLE_API_KEY", "AIza0123456789abcdef");
  const auto account = make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");
  change([&](vault::Change& change) -> Result<void> {
    vault::CredentialRow row;
    row.origin = vault::Origin::registry;
    row.created_at = row.updated_at = change.now();
    row.id = "gemini:legacy";  // A kind that the provider no longer has.
    row.provider = "gemini";
    row.body = R"({"kind":"legacy"})";
    row.secret_id = shared;
    TRY(change.put(row));
    row.id = row.provider = "openai";  // The base kind had another name; it was switched off.
    row.body = R"({"kind":"token"})";
    row.secret_id = account;
    row.enabled = false;
    TRY(change.put(row));
    vault::NewSecret composite;
    composite.name = "__aivault_registry:openai:pair:global";
    composite.system_managed = true;
    composite.pinned_provider = "openai";
    TRY(change.create_secret(composite, Secret::copy_of("{}")));
    return {};
  });
  ASSERT_TRUE(reconcile_with_registry(vault()));
  const auto snapshot = current();
  std::vector<std::string> ids;
  for (const auto& credential : snapshot->credentials()) ids.push_back(credential.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"gemini:family", "google-places:family", "openai"}));
  EXPECT_FALSE(snapshot->find_credential("openai")->enabled);
  EXPECT_NE(snapshot->find_credential("openai")->kind, "token");
  ASSERT_TRUE(vault().read([](vault::Reader& reader) -> Result<void> {
    TRY_ASSIGN(const auto orphan,
               reader.secret_by_name({}, "__aivault_registry:openai:pair:global"));
    EXPECT_FALSE(orphan);
    return {};
  }));
}

}  // namespace
}  // namespace aivault::catalog
