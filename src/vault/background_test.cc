// What nobody asks for: the daily check, segments that are due by age, the switch of call records.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "store/statement.h"
#include "testing/vault_place.h"
#include "vault/open_vault.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;
using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::record_and_wait;
using aivault::testing::VaultPlace;

const auto kGoOn = [] { return true; };

void edit(const VaultPlace& place, store::Sql statement) {
  auto database = store::Database::open(place.database());
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->execute(statement));
}

std::vector<audit::Record> records_of(Vault& vault, const std::string& kind) {
  vault.flush();
  audit::Filter filter;
  filter.kinds = {kind};
  filter.limit = 100;
  filter.oldest_first = true;
  auto found = read(vault, [&](Reader& reader) { return reader.audit(filter); });
  EXPECT_TRUE(found);
  return found ? *found : std::vector<audit::Record>{};
}

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

TEST(CheckEverything, FindsNothingInAVaultAsItWasWritten) {
  const VaultPlace place;
  const auto vault = place.open();
  ASSERT_TRUE(create(*vault, named("A"), "a-long-enough-value"));
  const auto found = vault->check_everything(kGoOn);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->empty());
  EXPECT_TRUE(vault->problems().empty());
}

TEST(CheckEverything, NamesWhatWasChangedAndRecordsItOnce) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto made = create(*vault, named("A"), "a-long-enough-value");
  ASSERT_TRUE(made);
  ASSERT_TRUE(create(*vault, named("B"), "a-long-enough-value"));
  edit(place, "UPDATE secrets SET name = 'C' WHERE name = 'A'");
  edit(place, "UPDATE audit SET body = '{}' WHERE seq = 2");
  for (int turn = 0; turn < 3; ++turn) {
    const auto found = vault->check_everything(kGoOn);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ(found->at(0).kind, "secret");
    EXPECT_EQ(found->at(0).id, made->id.str());
    EXPECT_EQ(found->at(1).kind, "audit");
    EXPECT_EQ(found->at(1).id, "2");
    EXPECT_EQ(vault->problems().size(), 2U);
    EXPECT_EQ(records_of(*vault, "vault.integrity_failed").size(), 2U);
  }
  ASSERT_TRUE(create(*vault, named("D"), "a-long-enough-value"));  // Work goes on.
}

TEST(CheckEverything, EndsWhenItIsToldToAndWhenTheKeysAreLockedAway) {
  const VaultPlace place;
  const auto vault = place.open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(create(*vault, named("A" + std::to_string(i)), "a-long-enough-value"));
  }
  int looks = 0;
  auto found = vault->check_everything([&] { return ++looks < 3; });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().reason, "busy");
  EXPECT_GE(looks, 3);
  found = vault->check_everything([&] {
    vault->lock();
    return true;
  });
  ASSERT_FALSE(found);
  EXPECT_TRUE(found.error().reason == "busy" || found.error().reason == "vault_locked");
  found = vault->check_everything(kGoOn);
  EXPECT_EQ(found.error().reason, "vault_locked");
  EXPECT_TRUE(vault->problems().empty());
}

TEST(Segments, AreSealedAfterThirtyDays) {
  const VaultPlace place;
  (void)place.open();
  const auto options = place.options();
  const SegmentLimits limits{.rows = 10, .kept = 100};
  const auto opened = OpenVault::open_with(options, {options.keys, nullptr}, limits);
  ASSERT_TRUE(opened) << opened.error().message;
  auto& vault = **opened;
  const auto segments = [&] {
    auto database = store::Database::open(place.database());
    EXPECT_TRUE(database);
    std::vector<std::string> ranges;
    store::Statement select(
        *database, "SELECT first_seq || '-' || last_seq FROM audit_segments ORDER BY first_seq");
    for (auto found = select.step(); found && *found; found = select.step()) {
      ranges.emplace_back(select.text(0));
    }
    return ranges;
  };
  const auto record = [&](std::chrono::hours ago) {
    auto event = event_of("operator.denied");
    event.at = wall_clock() - ago;
    ASSERT_TRUE(record_and_wait(vault, event));
  };
  using Ranges = std::vector<std::string>;
  const auto more_than_thirty_days = std::chrono::hours(24 * 30 + 1);
  const auto nearly_thirty_days = std::chrono::hours(24 * 30 - 1);
  for (int seq = 2; seq <= 10; ++seq) record(0h);
  record(nearly_thirty_days);  // 11: with it, ten rows were enough.
  EXPECT_EQ(segments(), Ranges{"1-10"});
  for (int seq = 12; seq <= 14; ++seq) record(0h);
  EXPECT_EQ(segments(), Ranges{"1-10"});
  for (int seq = 15; seq <= 20; ++seq) record(0h);
  record(more_than_thirty_days);  // 21
  EXPECT_EQ(segments(), (Ranges{"1-10", "11-20"}));
  record(0h);  // 22: the row before it has been open for too long.
  EXPECT_EQ(segments(), (Ranges{"1-10", "11-20", "21-21"}));
  EXPECT_TRUE(vault.verify_audit(std::nullopt)->ok);
}

TEST(CallRecords, SayOnceThatTheyStopAndThatTheyAreBack) {
  const VaultPlace place;
  (void)place.open();
  const auto call = [] {
    auto event = event_of("capability.invoke");
    event.outcome = "started";
    return event;
  };
  const auto disabled = [&] {
    auto options = place.options();
    options.call_records = CallRecords::disabled;
    const auto vault = Vault::open(options);
    ASSERT_TRUE(vault);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(record_and_wait(**vault, call()));
    // What an operator changes is recorded all the same.
    ASSERT_TRUE(record_and_wait(**vault, event_of("operator.denied")));
  };
  disabled();
  disabled();
  const auto vault = place.open();
  EXPECT_EQ(records_of(*vault, "audit.disabled").size(), 1U);
  EXPECT_EQ(records_of(*vault, "operator.denied").size(), 2U);
  EXPECT_TRUE(records_of(*vault, "capability.invoke").empty());
  EXPECT_TRUE(records_of(*vault, "audit.enabled").empty());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(record_and_wait(*vault, call()));
  const auto enabled = records_of(*vault, "audit.enabled");
  ASSERT_EQ(enabled.size(), 1U);
  const auto calls = records_of(*vault, "capability.invoke");
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(enabled.front().seq + 1, calls.front().seq);
}

}  // namespace
}  // namespace aivault::vault
