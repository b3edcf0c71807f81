#include "format1/import.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "catalog/catalog.h"
#include "format1/importing_test.h"
#include "format1/in_place.h"
#include "format1/old_vault_fixture.h"
#include "format1/source_key.h"
#include "testing/vault_place.h"

namespace aivault::format1 {
namespace {

namespace fs = std::filesystem;
using testing::VaultPlace;

TEST_F(Importing, KeepsIdTimesVersionAliasesPinAndGroups) {
  old_.add({.id = old_id(1),
            .name = "ACME_KEY",
            .scope_json = R"({"workspace":{"workspace_id":"w1"}})",
            .scope_text = "workspace:w1",
            .aliases = R"(["beta","alpha"])",
            .groups = R"([{"workspaceId":"w2","groupId":"g"}])",
            .pin = "acme",
            .aad_version = 2,
            .value_version = 7,
            .more = R"(,"lastUsedAtMs":1700000002000,"unknown":{"a":1})"});
  const auto report = import();
  EXPECT_EQ(report.secrets, 1);
  EXPECT_EQ(text_of(report.failed), "");
  const auto kept = secrets().at("ACME_KEY");
  EXPECT_EQ(kept.id.str(), old_id(1));
  EXPECT_EQ(kept.scope.text(), "workspace:w1");
  EXPECT_EQ(kept.aliases, (std::vector<std::string>{"alpha", "beta"}));
  EXPECT_EQ(kept.attached, (std::vector<vault::Attachment>{{"w2", "g"}}));
  EXPECT_EQ(kept.pinned_provider, "acme");
  EXPECT_EQ(kept.value_version, 7);
  EXPECT_EQ(to_int(kept.created_at), 1'700'000'000'000);
  EXPECT_EQ(to_int(kept.updated_at), 1'700'000'001'000);
  ASSERT_TRUE(kept.last_used_at);
  EXPECT_EQ(to_int(*kept.last_used_at), 1'700'000'002'000);
  EXPECT_TRUE(opens_as(old_id(1), "sk-old-value-0001", {"w1", ""}));
}

TEST_F(Importing, ReadsEveryAssociatedTextAndCountsVersionsFromOne) {
  old_.add(
      {.id = old_id(1), .name = "ZERO", .value = "zero", .aad_version = 0, .value_version = 0});
  old_.add({.id = old_id(2), .name = "ONE", .value = "one", .aad_version = 1});
  old_.add({.id = old_id(3), .name = "TWO", .value = "two", .pin = "x", .aad_version = 2});
  EXPECT_EQ(import().secrets, 3);
  EXPECT_TRUE(opens_as(old_id(1), "zero"));
  EXPECT_TRUE(opens_as(old_id(2), "one"));
  EXPECT_TRUE(opens_as(old_id(3), "two"));
  EXPECT_EQ(secrets().at("ZERO").value_version, 1);
}

TEST_F(Importing, SkipsRevokedAndCompositeRecordsAndForeignFiles) {
  old_.add({.id = old_id(1), .name = "GONE", .more = R"(,"revokedAtMs":1700000002000)"});
  old_.add({.id = old_id(2),
            .name = "__aivault_registry:twilio:key:global",
            .more = R"(,"systemManaged":true)"});
  old_.write("secrets/" + old_id(3) + ".json.tmp.12", "{");
  old_.write("secrets/README", "hello");
  const auto report = import();
  EXPECT_EQ(report.secrets, 0);
  EXPECT_EQ(text_of(report.failed), "");
  EXPECT_EQ(text_of(report.skipped), "secret " + old_id(1) + ": revoked\n");
}

TEST_F(Importing, GivesEqualNamesNumbersAndLeavesTheLatestItsName) {
  old_.add({.id = old_id(1), .name = "A", .updated_at = 100});
  old_.add({.id = old_id(2), .name = "A", .updated_at = 300});
  old_.add({.id = old_id(3), .name = "B", .aliases = R"(["A"])", .updated_at = 200});
  old_.add({.id = old_id(4), .name = "A~2", .updated_at = 50});
  const auto report = import();
  EXPECT_EQ(report.secrets, 4) << text_of(report.failed);
  const auto all = secrets();
  EXPECT_EQ(all.at("A").id.str(), old_id(2));
  EXPECT_EQ(all.at("B").aliases, std::vector<std::string>{"A~3"});
  EXPECT_EQ(all.at("A~2").id.str(), old_id(4));
  EXPECT_EQ(all.at("A~4").id.str(), old_id(1));
  EXPECT_TRUE(has_notice(report, "is named A~4 now"));
}

TEST_F(Importing, ARecordThatDoesNotOpenTakesNoName) {
  OldSecret broken{.id = old_id(1), .name = "A", .updated_at = 900};
  old_.write("secrets/" + old_id(1) + ".json", OldVault::record(broken, crypto::random_key()));
  old_.add({.id = old_id(2), .name = "A", .updated_at = 100});
  const auto report = import();
  EXPECT_EQ(text_of(report.failed), "secret " + old_id(1) + ": decrypt failed\n");
  EXPECT_EQ(secrets().at("A").id.str(), old_id(2));
}

TEST_F(Importing, TakesNothingWithAKeyThatOpensNothing) {
  old_.add({.id = old_id(1), .name = "A"});
  old_.write("kek.key", std::string(62, 'a') + "bc");
  const auto report = try_import();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().reason, "wrong_key");
  EXPECT_TRUE(
      report.error().message.ends_with("opens none of its secrets: wrong key (decrypt failed)"));
  EXPECT_TRUE(secrets().empty());
}

TEST_F(Importing, EncodesIdsEverywhereAndRefusesCollisions) {
  old_.add({.id = old_id(1),
            .name = "A",
            .scope_json = R"({"workspace":{"workspace_id":"my team"}})",
            .scope_text = "workspace:my team"});
  old_.add(
      {.id = old_id(2), .name = "B", .groups = R"([{"workspaceId":"my team","groupId":"a/b"}])"});
  old_.add({.id = old_id(3),
            .name = "C",
            .scope_json = R"({"workspace":{"workspace_id":"my_20team"}})",
            .scope_text = "workspace:my_20team"});
  const auto report = import();
  EXPECT_EQ(report.secrets, 2);
  EXPECT_EQ(secrets().at("A").scope.text(), "workspace:my_20team");
  EXPECT_EQ(secrets().at("B").attached, (std::vector<vault::Attachment>{{"my_20team", "a_2fb"}}));
  EXPECT_NE(text_of(report.failed).find("would become equal to 'my team'"), std::string::npos);
  EXPECT_TRUE(has_notice(report, "'my team' is 'my_20team' now"));
}

TEST_F(Importing, NamesWhatFailsAndTakesTheRest) {
  old_.add({.id = old_id(1), .name = "GOOD"});
  struct Case {
    std::string file, text, error;
  };
  const auto record = [&](OldSecret secret) { return OldVault::record(secret, old_.key()); };
  const auto with = [&](std::string from, const std::string& to) {
    auto text = record({.id = old_id(9), .name = "X"});
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  const Case cases[] = {
      {"not-a-uuid", record({.id = "not-a-uuid", .name = "X"}), "the id is not a UUID"},
      {old_id(8), record({.id = old_id(9), .name = "X"}), "not named after its 'secretId'"},
      {old_id(9), "{", "JSON"},
      {old_id(9), "[]", "malformed 'record'"},
      {old_id(9), record({.id = old_id(9), .name = ""}), "secret name is required"},
      {old_id(9), record({.id = old_id(9), .name = "__aivault_x"}), "reserved"},
      {old_id(9), record({.id = old_id(9), .name = std::string(257, 'n')}), "1 to 256 bytes"},
      {old_id(9), record({.id = old_id(9), .name = "X", .value = ""}), "must not be empty"},
      {old_id(9),
       record({.id = old_id(9), .name = "X", .value = std::string(1'048'577, 'v')}),
       "more than 1048576"},
      {old_id(9), record({.id = old_id(9), .name = "X", .aad_version = 3}), "aadVersion 3"},
      {old_id(9), record({.id = old_id(9), .name = "X", .aad_version = 2}), "pinnedProvider"},
      {old_id(9), with(R"("scope":"global")", R"("scope":"everywhere")"), "malformed 'scope'"},
      {old_id(9), with(R"("createdAtMs":1)", R"("createdAtMs":-1)"), "malformed 'createdAtMs'"},
      {old_id(9), with(R"("aliases":[])", R"("aliases":[7])"), "malformed 'aliases'"},
      {old_id(9), with("ciphertext", "cipherText"), "malformed 'ciphertext'"},
      {old_id(9), with("dekWrapped", "dek"), "malformed 'dekWrapped'"},
      {old_id(9),
       with(R"("attachedGroups":[])", R"("attachedGroups":[{"workspaceId":""}])"),
       "malformed 'groupId'"},
  };
  for (const auto& broken : cases) {
    old_.write("secrets/" + broken.file + ".json", broken.text);
    const auto report = import({.taken = Taken::replaced, .skip_audit = true});
    EXPECT_EQ(report.secrets, 1) << broken.error;
    ASSERT_EQ(report.failed.size(), 1U) << broken.error;
    EXPECT_NE(report.failed[0].text.find(broken.error), std::string::npos)
        << report.failed[0].text << " / " << broken.error;
    EXPECT_EQ(report.failed[0].id, broken.file);
    fs::remove(old_.root() / ("secrets/" + broken.file + ".json"));
  }
}

TEST_F(Importing, FollowsNoLinksAndReadsNoFifosOrHugeFiles) {
  old_.add({.id = old_id(1), .name = "GOOD"});
  const auto elsewhere = fs::path(place_.base()) / "elsewhere.json";
  fs::rename(old_.root() / ("secrets/" + old_id(1) + ".json"), elsewhere);
  fs::create_symlink(elsewhere, old_.root() / ("secrets/" + old_id(1) + ".json"));
  ASSERT_EQ(::mkfifo((old_.root() / ("secrets/" + old_id(2) + ".json")).c_str(), 0600), 0);
  old_.write("secrets/" + old_id(3) + ".json", "{}");
  fs::resize_file(old_.root() / ("secrets/" + old_id(3) + ".json"), (16U << 20U) + 1);
  fs::create_symlink(elsewhere, old_.root() / "broker.json");
  const auto report = import();
  EXPECT_EQ(report.secrets, 0);
  const auto failed = text_of(report.failed);
  EXPECT_EQ(report.failed.size(), 4U) << failed;
  EXPECT_NE(failed.find("is a symbolic link"), std::string::npos) << failed;
  EXPECT_NE(failed.find("is not a regular file"), std::string::npos) << failed;
  EXPECT_NE(failed.find("has more than 16 MiB"), std::string::npos) << failed;
  EXPECT_NE(failed.find("file broker.json"), std::string::npos) << failed;
}

TEST_F(Importing, RefusesALinkInPlaceOfTheSecrets) {
  fs::remove(old_.root() / "secrets");
  fs::create_symlink(place_.base(), old_.root() / "secrets");
  const auto report = try_import();
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().message.find("secrets"), std::string::npos);
}

TEST_F(Importing, SkipsWhatIsInUseUnlessItMayReplaceIt) {
  const auto there = testing::create(vault(), testing::named("A"), "value of today");
  ASSERT_TRUE(there);
  old_.add({.id = old_id(1), .name = "A", .value = "old"});
  old_.add({.id = old_id(2), .name = "B", .value = "old b"});
  auto report = import();
  EXPECT_EQ(report.secrets, 1);
  EXPECT_EQ(text_of(report.skipped), "secret " + old_id(1) + ": exists\n");
  EXPECT_TRUE(opens_as(there->id.str(), "value of today"));

  old_.add({.id = old_id(2), .name = "B", .value = "newer b", .value_version = 2});
  report = import({.taken = Taken::replaced});
  EXPECT_EQ(report.secrets, 2) << text_of(report.failed);
  EXPECT_EQ(secrets().at("A").id.str(), old_id(1));
  EXPECT_TRUE(opens_as(old_id(1), "old"));
  EXPECT_TRUE(opens_as(old_id(2), "newer b"));
  EXPECT_EQ(secrets().at("B").value_version, 2);
  const auto revoked = vault().open_secret(there->id, {}, vault::Opener::other);
  EXPECT_FALSE(revoked);
}

TEST_F(Importing, ARehearsalChangesNothing) {
  old_.add({.id = old_id(1), .name = "OPENAI_API_KEY"});
  old_.write("audit/2025-01.jsonl",
             R"({"tsMs":1700000000000,"kind":"secret.create"})"
             "\n");
  const auto before = audit().size();
  const auto counter =
      vault::read(vault(), [](vault::Reader& r) -> Result<std::int64_t> { return r.counter(); });
  const auto report = import({.keeping = Keeping::nothing});
  EXPECT_EQ(report.secrets, 1);
  EXPECT_EQ(report.audit, 1);
  EXPECT_TRUE(secrets().empty());
  EXPECT_FALSE(credential("openai"));
  EXPECT_EQ(audit().size(), before);
  const auto after =
      vault::read(vault(), [](vault::Reader& r) -> Result<std::int64_t> { return r.counter(); });
  EXPECT_EQ(*counter, *after);
  EXPECT_EQ(import().secrets, 1);  // And the vault still works.
  EXPECT_TRUE(vault().verify_audit(std::nullopt)->ok);
}

TEST_F(Importing, PinsClaimedNamesAndDerivesTheirCredentials) {
  old_.add({.id = old_id(1), .name = "OPENAI_API_KEY"});
  const auto report = import();
  EXPECT_EQ(report.secrets, 1);
  EXPECT_EQ(secrets().at("OPENAI_API_KEY").pinned_provider, "openai");
  ASSERT_TRUE(credential("openai"));
  EXPECT_EQ(credential("openai")->origin, vault::Origin::registry);
}

constexpr std::string_view kBroker = R"({"version":1,"credentials":[
 {"id":"openai","provider":"openai","workspaceId":null,"groupId":null,
  "auth":{"header":{"header_name":"x-evil","value_template":"{{secret}}"}},
  "hosts":["evil.example.com"],"secretRef":"vault:secret:00000000-0000-4000-8000-000000000001"},
 {"id":"acme","provider":"acme","workspaceId":"w1","groupId":null,
  "auth":{"header":{"header_name":"authorization","value_template":"Bearer {{secret}}"}},
  "hosts":["API.acme.test"],"capabilities":["acme/items"],"priority":5,"upstreamPathPrefix":"/v2/",
  "secretRef":"vault:secret:00000000-0000-4000-8000-000000000002"},
 {"id":"signed one","provider":"acme","workspaceId":null,"groupId":null,
  "auth":{"not_a_kind":{"algorithm":"sha256"}},"hosts":["api.acme.test"],
  "secretRef":"vault:secret:00000000-0000-4000-8000-000000000002"},
 {"id":"lost","provider":"acme","workspaceId":null,"groupId":null,"auth":"basic",
  "hosts":["api.acme.test"],"secretRef":"vault:secret:00000000-0000-4000-8000-000000000077"},
 {"id":"wild","provider":"acme","auth":"basic","hosts":["*.acme.test"],
  "secretRef":"vault:secret:00000000-0000-4000-8000-000000000002"},
 {"id":7}],
 "capabilities":[
 {"id":"acme/items","provider":"acme","allow":{"hosts":["api.acme.test"],"methods":["get","GET"],
  "pathPrefixes":["/items"]}},
 {"id":"acme/two","provider":"acme","allow":{"hosts":["a.acme.test","b.acme.test"],
  "methods":["GET"],"pathPrefixes":["/"]}},
 {"id":"openai/models","provider":"openai","allow":{"hosts":["evil.example.com"],
  "methods":["GET"],"pathPrefixes":["/"]}}],
 "policies":[
 {"capabilityId":"acme/items","policy":{"rateLimitPerMinute":60,"maxRequestBodyBytes":1024,
  "responseBodyBlocklist":["secret"],"other":true}},
 {"capabilityId":"acme/none","policy":{}},
 {"capabilityId":"openai/models","policy":{"rateLimitPerMinute":-1}}]})";

TEST_F(Importing, TakesCredentialsCapabilitiesAndPolicies) {
  old_.add({.id = old_id(1), .name = "OPENAI_API_KEY"});
  old_.add({.id = old_id(2), .name = "ACME"});
  old_.write("broker.json", kBroker);
  const auto report = import();
  EXPECT_EQ(report.secrets, 2);
  EXPECT_EQ(report.credentials, 4) << text_of(report.failed);
  EXPECT_EQ(report.capabilities, 1);
  EXPECT_EQ(report.policies, 1);
  EXPECT_EQ(text_of(report.failed),
            "capability acme/two: core conformance requires allow.hosts length = 1\n"
            "credential : malformed 'id'\n"
            "policy openai/models: malformed 'rateLimitPerMinute'\n");
  EXPECT_EQ(text_of(report.skipped), "policy acme/none: no such capability\n");

  catalog::Catalog catalog;
  const auto snapshot = catalog.current(vault());
  ASSERT_TRUE(snapshot);
  const auto* acme = (*snapshot)->find_credential("acme");
  ASSERT_NE(acme, nullptr);
  EXPECT_EQ(acme->state, catalog::CredentialState::ready) << acme->state_detail;
  EXPECT_EQ(acme->policy.hosts, std::vector<std::string>{"api.acme.test"});
  EXPECT_EQ(acme->scope.text(), "workspace:w1");
  EXPECT_EQ(acme->priority, 5);
  EXPECT_EQ(acme->policy.path_prefix, "/v2");
  EXPECT_EQ(acme->capability_list, std::vector<std::string>{"acme/items"});
  // Registry values are used everywhere.
  const auto* openai = (*snapshot)->find_credential("openai");
  ASSERT_NE(openai, nullptr);
  EXPECT_TRUE(openai->derived);
  EXPECT_EQ(std::ranges::count(openai->policy.hosts, "evil.example.com"), 0);
  ASSERT_NE((*snapshot)->find_capability("acme/items"), nullptr);
  const auto policy =
      vault::read(vault(), [](vault::Reader& reader) { return reader.policy("acme/items"); });
  ASSERT_TRUE(policy && *policy);
  EXPECT_EQ((*policy)->body,
            R"({"rateLimitPerMinute":60,"maxRequestBodyBytes":1024,)"
            R"("responseBodyBlocklist":["secret"]})");
}

TEST_F(Importing, KeepsWhatItCannotUseSwitchedOffWithTheReason) {
  old_.add({.id = old_id(2), .name = "ACME"});
  old_.write("broker.json", kBroker);
  const auto report = import();
  catalog::Catalog catalog;
  const auto snapshot = catalog.current(vault());
  ASSERT_TRUE(snapshot);
  const std::map<std::string, std::string> expected = {
      {"signed_20one", "unknown auth.type 'not_a_kind'"},
      {"lost", "its secret is not in this vault"},
      {"wild", "wildcard hosts are invalid"},
  };
  for (const auto& [id, reason] : expected) {
    const auto row = credential(id);
    ASSERT_TRUE(row) << id;
    EXPECT_FALSE(row->enabled);
    const auto named =
        std::ranges::any_of((*snapshot)->problems(), [&](const vault::Problem& problem) {
          return problem.id == id && problem.message.find(reason) != std::string::npos;
        });
    EXPECT_TRUE(named) << id;
  }
  // Nothing of the record is lost.
  EXPECT_NE(credential("signed_20one")->body.find(R"("not_a_kind":{"algorithm":"sha256"})"),
            std::string::npos);
  EXPECT_TRUE(has_notice(report, "The credential 'signed one' is 'signed_20one' now"));
}

TEST_F(Importing, TakesBindingsThatHaveATarget) {
  old_.add({.id = old_id(2), .name = "ACME"});
  old_.write("broker.json", kBroker);
  const auto binding = [](std::string_view capability, int secret, std::string_view scope) {
    return R"({"capability":")" + std::string(capability) + R"(","secretRef":"vault:secret:)" +
           old_id(secret) + R"(","scope":)" + std::string(scope) +
           R"(,"consumer":"ci","updatedAtMs":1700000005000})";
  };
  old_.write(
      "capabilities.json",
      R"({"version":1,"bindings":[)" + binding("acme/items", 2, R"({"type":"global"})") + "," +
          binding("acme/items", 2, R"({"type":"group","workspace_id":"w 1","group_id":"g"})") +
          "," + binding("acme/none", 2, R"({"type":"global"})") + "," +
          binding("acme/items", 77, R"({"type":"global"})") + R"(,{"capability":"x"}]})");
  const auto report = import();
  EXPECT_EQ(report.bindings, 2);
  EXPECT_NE(text_of(report.skipped).find("binding acme/none: no such capability"),
            std::string::npos);
  EXPECT_NE(text_of(report.skipped).find("binding acme/items: its secret is not in this vault"),
            std::string::npos);
  const auto rows = vault::read(vault(), [](vault::Reader& reader) {
    return reader.bindings_of_secret(SecretId(old_id(2)));
  });
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].scope.text(), "global");
  EXPECT_EQ((*rows)[1].scope.text(), "group:w_201:g");
  EXPECT_EQ((*rows)[0].consumer, "ci");
  EXPECT_EQ(to_int((*rows)[0].updated_at), 1'700'000'005'000);
}

TEST_F(Importing, BringsTheHistoryInOrderBeforeItsOwnRecord) {
  const auto line = [](int ts, std::string_view note) {
    return R"({"tsMs":)" + std::to_string(ts) + R"(,"kind":"capability.invoke","note":")" +
           std::string(note) +
           R"(","scope":{"workspace":{"workspace_id":"w"}}})"
           "\n";
  };
  old_.write("audit/2025-02.jsonl", line(6000, "f"));
  old_.write("audit/2025-01.jsonl", line(5000, "e"));
  old_.write("audit/2025-01.jsonl.1", line(4000, "d"));
  old_.write("audit/2025-01.jsonl.2", line(3000, "c") + "not json\n\n");
  old_.write("audit/2025-01.jsonl.10", line(1000, "a") + line(2000, "b"));
  old_.write("audit/2025-01.jsonl.11", line(1, "beyond"));
  old_.write("audit/notes.txt", "hello");
  const auto report = import();
  EXPECT_EQ(report.audit, 6);
  EXPECT_TRUE(has_notice(report, "1 lines of the history could not be read"));
  std::string order;
  bool import_came_last = false;
  for (const auto& record : audit()) {
    if (record.event.imported) {
      order += record.event.note;
      EXPECT_EQ(to_int(record.at) % 1000, 0);
      EXPECT_EQ(record.event.scope, "workspace:w");
    }
    import_came_last = record.event.kind == "vault.import";
  }
  EXPECT_EQ(order, "abcdef");
  EXPECT_TRUE(import_came_last);
  EXPECT_TRUE(vault().verify_audit(std::nullopt)->ok);
  // A second import does not repeat it.
  EXPECT_EQ(import().audit, 0);
  EXPECT_EQ(import({.skip_audit = true}).audit, 0);
}

TEST_F(Importing, SurvivesBeingOpenedAgain) {
  for (int i = 1; i <= 50; ++i) {
    old_.add({.id = old_id(i), .name = "NAME_" + std::to_string(i)});
  }
  EXPECT_EQ(import().secrets, 50);
  vault_.reset();
  EXPECT_EQ(secrets().size(), 50U);
  EXPECT_TRUE(opens_as(old_id(17), "sk-old-value-0001"));
  EXPECT_TRUE(vault().verify_audit(std::nullopt)->ok);
}

}  // namespace
}  // namespace aivault::format1
