// What is counted for the metrics: secrets by scope and by what is due, records by kind.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "metrics/metrics.h"
#include "testing/vault_place.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;
using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::record_and_wait;
using aivault::testing::VaultPlace;

constexpr auto kNotice = std::chrono::days(14);

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

SecretCounts counts_at(Vault& vault, UnixMs at) {
  auto counts = read(vault, [at](Reader& reader) { return reader.count_secrets(at, kNotice); });
  EXPECT_TRUE(counts) << counts.error().message;
  return counts.value_or(SecretCounts());
}

NewSecret due(std::string name,
              std::optional<UnixMs> expires_at,
              std::optional<std::int64_t> rotate_every_days = std::nullopt) {
  auto secret = named(std::move(name));
  secret.expires_at = expires_at;
  secret.rotate_every_days = rotate_every_days;
  return secret;
}

TEST(SecretCounts, AreByScopeAndEachSecretIsDueForOneReason) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto start = now();
  EXPECT_EQ(counts_at(*vault, start).global, 0);
  EXPECT_FALSE(counts_at(*vault, start).until);
  ASSERT_TRUE(create(*vault, named("PLAIN"), "value"));
  ASSERT_TRUE(create(*vault, due("SOON", start + std::chrono::days(10), 5), "value"));
  ASSERT_TRUE(create(*vault, due("LATER", start + std::chrono::days(100), 50), "value"));
  auto of_workspace = named("OF_WORKSPACE");
  of_workspace.scope = {Scope::Kind::workspace, "w", ""};
  ASSERT_TRUE(create(*vault, of_workspace, "value"));
  auto of_group = named("OF_GROUP");
  of_group.scope = {Scope::Kind::group, "w", "g"};
  const auto group = create(*vault, of_group, "value");
  ASSERT_TRUE(group);

  auto counts = counts_at(*vault, start);
  EXPECT_EQ(counts.global, 3);
  EXPECT_EQ(counts.workspace, 1);
  EXPECT_EQ(counts.group, 1);
  EXPECT_EQ(counts.expired, 0);
  EXPECT_EQ(counts.expiring, 1);
  EXPECT_EQ(counts.to_rotate, 0);
  EXPECT_EQ(counts.until, start + std::chrono::days(10));

  // Each of the moments that were told changes something.
  counts = counts_at(*vault, start + std::chrono::days(10));
  EXPECT_EQ(counts.expired, 1);
  EXPECT_EQ(counts.expiring, 0);
  counts = counts_at(*vault, *counts.until);
  EXPECT_EQ(counts.to_rotate, 1);
  EXPECT_EQ(counts.until, start + std::chrono::days(86));
  counts = counts_at(*vault, *counts.until);
  EXPECT_EQ(counts.to_rotate, 0);
  EXPECT_EQ(counts.expiring, 1);
  counts = counts_at(*vault, *counts.until);
  EXPECT_EQ(counts.expired, 2);
  EXPECT_FALSE(counts.until);

  ASSERT_TRUE(vault->change([&](Change& change) -> Result<void> {
    TRY(change.revoke_secret(group->id));
    change.record(event_of("secret.revoke"));
    return {};
  }));
  EXPECT_EQ(counts_at(*vault, start).group, 0);
}

TEST(RecordsWritten, AreCountedByKindWithTheirCommits) {
  const VaultPlace place;
  metrics::Metrics counted;
  auto options = place.options();
  options.metrics = &counted;
  const auto vault = Vault::open_or_create(options);
  ASSERT_TRUE(vault) << vault.error().message;
  ASSERT_TRUE(create(**vault, named("A"), "value"));
  ASSERT_TRUE(record_and_wait(**vault, event_of("capability.invoke")));
  ASSERT_TRUE(record_and_wait(**vault, event_of("capability.invoke")));
  ASSERT_TRUE((*vault)->change([](Change& change) -> Result<void> {
    auto past = event_of("of.another.vault");
    past.imported = true;
    TRY(change.record_history(past));
    change.record(event_of("vault.import"));
    return {};
  }));
  // What fails is not written.
  ASSERT_FALSE((*vault)->change([](Change& change) -> Result<void> {
    change.record(event_of("never.written"));
    return vault_unavailable("internal", "no");
  }));
  const auto text = counted.text();
  for (const auto* line : {"rows_total{kind=\"capability.invoke\"} 2\n",
                           "rows_total{kind=\"secret.create\"} 1\n",
                           "rows_total{kind=\"imported\"} 1\n",
                           "rows_total{kind=\"vault.import\"} 1\n"}) {
    EXPECT_NE(text.find(std::string("aivault_audit_") + line), std::string::npos) << line << text;
  }
  EXPECT_EQ(text.find("never.written"), std::string::npos);
  EXPECT_EQ(text.find("of.another.vault"), std::string::npos);
  EXPECT_NE(text.find("aivault_audit_commit_seconds_count "), std::string::npos);
}

}  // namespace
}  // namespace aivault::vault
