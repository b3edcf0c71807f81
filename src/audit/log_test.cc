#include "audit/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "store/schema.h"

namespace aivault::audit {
namespace {

class Log : public ::testing::Test {
 protected:
  Log() : directory_(make_directory()), database_(open()) {
    auto transaction = store::Transaction::begin(database_, store::Kind::write);
    EXPECT_TRUE(store::create_schema(database_));
    EXPECT_TRUE(transaction->commit());
  }
  ~Log() override { std::filesystem::remove_all(directory_); }

  void add(Event event, std::int64_t at) {
    Row row;
    row.seq = ++seq_;
    row.ts_ms = at;
    row.kind = event.kind;
    row.epoch = 1;
    row.body = to_body(event);
    EXPECT_TRUE(append(database_, row, crypto::Hash{}));
  }
  std::vector<std::int64_t> seqs(const Filter& filter) {
    std::vector<std::int64_t> seqs;
    const auto records = query(database_, filter);
    EXPECT_TRUE(records);
    for (const auto& record : *records) seqs.push_back(record.seq);
    return seqs;
  }

  store::Database& database() { return database_; }

 private:
  static std::string make_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "aivault-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    return pattern;
  }
  store::Database open() {
    const std::ofstream made(directory_ + "/vault.db");
    return std::move(*store::Database::open(directory_ + "/vault.db"));
  }

  std::string directory_;
  store::Database database_;
  std::int64_t seq_ = 0;
};

using Seqs = std::vector<std::int64_t>;

TEST_F(Log, FiltersNewestFirst) {
  const auto event = [](const char* kind, const char* capability, const char* outcome) {
    Event e;
    e.kind = kind;
    e.capability = capability;
    e.outcome = outcome;
    e.uid = 7;
    return e;
  };
  add(event("secret.create", "", ""), 10);
  add(event("capability.invoke", "acme/items", "started"), 20);
  add(event("capability.invoke", "acme/items", "ok"), 30);
  add(event("capability.invoke", "acmetoo/x", "denied"), 40);
  add(event("secret.rotate", "", ""), 50);

  EXPECT_EQ(seqs({}), (Seqs{5, 4, 3, 2, 1}));
  Filter filter;
  filter.limit = 2;
  EXPECT_EQ(seqs(filter), (Seqs{5, 4}));
  filter.below_seq = 4;
  EXPECT_EQ(seqs(filter), (Seqs{3, 2}));
  filter = {};
  filter.after_ms = 10;
  filter.before_ms = 40;  // Both exclusive.
  EXPECT_EQ(seqs(filter), (Seqs{3, 2}));
  filter.after_ms = 0;
  filter.before_ms = -1;  // As absent.
  EXPECT_EQ(seqs(filter).size(), 5U);
  filter = {};
  filter.kinds = {"secret.*"};
  EXPECT_EQ(seqs(filter), (Seqs{5, 1}));
  filter.kinds = {"secret.create", "capability.*"};
  EXPECT_EQ(seqs(filter), (Seqs{4, 3, 2, 1}));
  filter = {};
  filter.capability = "acme/*";
  EXPECT_EQ(seqs(filter), (Seqs{3, 2}));
  filter.outcome = "ok";
  EXPECT_EQ(seqs(filter), (Seqs{3}));
  filter = {};
  filter.uid = 8;
  EXPECT_EQ(seqs(filter), Seqs{});
}

TEST_F(Log, FindsCallsWithoutAnEnd) {
  const auto call = [](const char* id, const char* outcome) {
    Event e;
    e.kind = "capability.invoke";
    e.request_id = id;
    e.outcome = outcome;
    return e;
  };
  add(call("a", "started"), 1);
  add(call("b", "started"), 2);
  add(call("a", "error"), 3);
  add(call("c", "denied"), 4);
  add(call("d", "started"), 5);
  const auto unfinished = unfinished_calls(database(), 1, 4);
  ASSERT_TRUE(unfinished);
  ASSERT_EQ(unfinished->size(), 1U);
  EXPECT_EQ(unfinished->front().request_id, "b");
}

}  // namespace
}  // namespace aivault::audit
