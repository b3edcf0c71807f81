// Rows of other modules, records of calls, and several users of one vault at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/reveal.h"
#include "testing/vault_place.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;
using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::find;
using aivault::testing::message_of;
using aivault::testing::named;
using aivault::testing::open_globally;
using aivault::testing::record_and_wait;
using aivault::testing::recorded;
using aivault::testing::VaultPlace;

TEST(Vault, KeepsTheRowsOfOtherModules) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto secret = create(*vault, named("A"), "x")->id;
  CredentialRow credential;
  credential.id = credential.provider = "acme";
  credential.secret_id = secret;
  credential.body = R"({"hosts":["api.acme.test"]})";
  const auto stored = recorded(*vault, [&](Change& c) -> Result<void> {
    TRY(c.put(credential));
    TRY(c.put(CapabilityRow{"acme/items", "acme", Origin::operator_made, true, "{}", {}, {}}));
    TRY(c.put(PolicyRow{"acme/items", R"({"a":1})", {}}));
    return c.put(SettingRow{"registry", "{}", {}});
  });
  ASSERT_TRUE(stored) << stored.error().message;
  credential.enabled = false;
  ASSERT_TRUE(recorded(*vault, [&](Change& c) { return c.put(credential); }));
  std::vector<Problem> damaged;
  const auto all = read(*vault, [&](Reader& r) { return r.credentials(damaged); });
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->front().body, credential.body);
  EXPECT_FALSE(all->front().enabled);
  EXPECT_TRUE(damaged.empty());
  EXPECT_EQ(read(*vault, [&](Reader& r) { return r.credentials_of_secret(secret); })->size(), 1U);
  EXPECT_EQ((*read(*vault, [&](Reader& r) { return r.policy("acme/items"); }))->body, R"({"a":1})");
  EXPECT_TRUE(*recorded(*vault, [&](Change& c) { return c.remove_credential("acme"); }));
  EXPECT_FALSE(*recorded(*vault, [&](Change& c) { return c.remove_credential("acme"); }));
  CredentialRow malformed = credential;
  malformed.body = "{";
  EXPECT_EQ(recorded(*vault, [&](Change& c) { return c.put(malformed); }).error().reason,
            "record_invalid");
}

// A call must not make the modules above build their snapshot again.
TEST(Vault, CountsChangesButNotCalls) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "x")->id;
  const auto before = *vault->change_counter();
  ASSERT_TRUE(record_and_wait(*vault, event_of("capability.invoke")));
  ASSERT_TRUE(open_globally(*vault, id));
  EXPECT_EQ(*vault->change_counter(), before);
  ASSERT_TRUE(create(*vault, named("B"), "x"));
  EXPECT_GT(*vault->change_counter(), before);
}

TEST(Vault, RemembersWhenASecretWasUsed) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "x")->id;
  EXPECT_FALSE((*find(*vault, id))->last_used_at);
  ASSERT_TRUE(open_globally(*vault, id));
  for (int i = 0; i < 40 && !(*find(*vault, id))->last_used_at; ++i) {
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_TRUE((*find(*vault, id))->last_used_at);
}

TEST(Vault, WritesNoCallsWhenTheyAreDisabled) {
  const VaultPlace place;
  auto options = place.options();
  options.call_records = CallRecords::disabled;
  const auto vault = *Vault::open_or_create(options);
  EXPECT_TRUE(record_and_wait(*vault, event_of("capability.invoke")));
  EXPECT_TRUE(create(*vault, named("A"), "x"));
  vault->flush();
  const auto records = read(*vault, [](Reader& r) { return r.audit({}); });
  ASSERT_TRUE(records);
  std::vector<std::string> kinds;
  for (const auto& record : *records) kinds.push_back(record.event.kind);
  std::ranges::sort(kinds);
  EXPECT_EQ(kinds, (std::vector<std::string>{"audit.disabled", "secret.create", "vault.init"}));
}

TEST(Vault, NotesThatCallsAreNotRecordedWithTheFirstOfThem) {
  const VaultPlace place;
  auto options = place.options();
  options.call_records = CallRecords::disabled;
  const auto notes = [](Vault& vault) {
    vault.flush();
    return std::ranges::count(*read(vault, [](Reader& r) { return r.audit({}); }),
                              "audit.disabled",
                              [](const audit::Record& record) { return record.event.kind; });
  };
  {
    const auto vault = *Vault::open_or_create(options);
    EXPECT_EQ(notes(*vault), 0);  // Looking writes nothing.
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(record_and_wait(*vault, event_of("capability.invoke")));
    EXPECT_EQ(notes(*vault), 1);
  }
  const auto again = *Vault::open_or_create(options);
  EXPECT_EQ(notes(*again), 1);
}

TEST(Vault, SharesOneCommitBetweenManyRecords) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto counter = [&] {
    return *read(*vault, [](Reader& r) -> Result<std::int64_t> { return r.counter(); });
  };
  const auto before = counter();
  for (int i = 0; i < 2000; ++i) vault->record(event_of("capability.invoke"), nullptr);
  vault->flush();
  EXPECT_LT(counter() - before, 400);
  const auto verified = vault->verify_audit(std::nullopt);
  EXPECT_TRUE(verified->ok);
  EXPECT_EQ(verified->events, 2001);
}

TEST(Vault, ClosesCallsOfADeadProcess) {
  const VaultPlace place;
  const auto call = [](const char* id, const char* outcome) {
    auto event = event_of("capability.invoke");
    event.request_id = id;
    event.outcome = outcome;
    event.host = "api.acme.test";
    return event;
  };
  {
    const auto vault = place.open();
    ASSERT_TRUE(record_and_wait(*vault, call("one", "started")));
    ASSERT_TRUE(record_and_wait(*vault, call("two", "started")));
    ASSERT_TRUE(record_and_wait(*vault, call("one", "ok")));
  }
  const auto vault = place.open();
  const auto second = place.open();  // While another has it open, nothing is closed.
  ASSERT_TRUE(record_and_wait(*vault, call("three", "started")));
  second->flush();
  const auto third = place.open();
  third->flush();
  audit::Filter filter;
  filter.outcome = "error";
  std::vector<audit::Record> records;
  for (int i = 0; i < 50 && records.empty(); ++i) {
    records = *read(*vault, [&](Reader& r) { return r.audit(filter); });
    std::this_thread::sleep_for(20ms);
  }
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].event.request_id, "two");
  EXPECT_EQ(records[0].event.reason, "internal");
  EXPECT_EQ(records[0].event.host, "api.acme.test");
}

// Whichever side of a commit a snapshot is on, its rows are the right ones.
TEST(Vault, ReadersNeverTakeACommitForTampering) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto other = place.open();
  const auto id = create(*vault, named("A"), "1")->id;
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::vector<std::string> errors;
  std::mutex guard;
  const auto expect = [&](const auto& result) {
    if (result) return;
    const std::lock_guard lock(guard);
    errors.push_back(message_of(result));
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      auto& mine = i == 2 ? *other : *vault;
      while (!stop) {
        expect(open_globally(mine, id));
        expect(mine.change_counter());
        expect(mine.read([&](Reader& r) -> Result<void> {
          TRY_ASSIGN(const auto before, r.secret(id));
          std::vector<Problem> damaged;
          TRY_ASSIGN(const auto all, r.secrets({}, std::nullopt, 100, damaged));
          TRY(r.credentials(damaged));
          if (!damaged.empty()) return invalid_request("damaged", damaged[0].message);
          // All of one moment.
          if (all[0].value_version != before->value_version) return invalid_request("torn", "");
          return {};
        }));
        ++reads;
      }
    });
  }
  for (int i = 0; i < 60; ++i) {
    expect(recorded(*vault, [&](Change& c) -> Result<void> {
      TRY(c.rotate_secret(id, Secret::copy_of(std::to_string(i)), std::nullopt));
      CredentialRow credential;
      credential.id = credential.provider = "acme" + std::to_string(i % 3);
      if (i % 2 == 0) return c.put(credential);
      TRY(c.remove_credential(credential.id));
      return {};
    }));
    vault->record(event_of("capability.invoke"), nullptr);
    if (i % 10 == 0) expect(create(*other, named("B" + std::to_string(i)), "x"));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_GT(reads, 3);
  EXPECT_TRUE(errors.empty()) << errors[0];
  EXPECT_TRUE(vault->problems().empty());
  EXPECT_TRUE(other->problems().empty());
}

TEST(Vault, SeesTheChangesOfAnother) {
  const VaultPlace place;
  const auto one = place.open();
  const auto two = place.open();
  const auto before = *two->change_counter();
  const auto id = create(*one, named("A"), "first")->id;
  EXPECT_EQ(open_globally(*two, id)->value.text(Reveal{}), "first");
  EXPECT_GT(*two->change_counter(), before);
  ASSERT_TRUE(recorded(*two, [&](Change& c) {
    return c.rotate_secret(id, Secret::copy_of("second"), std::nullopt);
  }));
  EXPECT_EQ(open_globally(*one, id)->value.text(Reveal{}), "second");
  EXPECT_EQ(message_of(create(*two, named("A"), "x")), "exists: secret name 'A' already exists");
  // Calls of the other process are no reason for a new snapshot.
  const auto settled = *two->change_counter();
  ASSERT_TRUE(record_and_wait(*one, event_of("capability.invoke")));
  EXPECT_EQ(*two->change_counter(), settled);
  EXPECT_TRUE(two->verify_audit(std::nullopt)->ok);
}

TEST(Vault, StopsServingAnotherOrAnOlderFile) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "x")->id;
  std::filesystem::copy_file(place.database(), place.base() + "/copy");
  std::filesystem::rename(place.base() + "/copy", place.database());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(open_globally(*vault, id).error().reason, "row_integrity");
    EXPECT_EQ(vault->change_counter().error().reason, "row_integrity");
    EXPECT_EQ(create(*vault, named("B"), "x").error().reason, "row_integrity");
    EXPECT_EQ(record_and_wait(*vault, event_of("capability.invoke")).error().reason,
              "audit_unavailable");
  }
}

}  // namespace
}  // namespace aivault::vault
