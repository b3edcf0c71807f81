#include "broker/records.h"

#include <gtest/gtest.h>

#include <thread>

#include "testing/run_async.h"

namespace aivault::broker {
namespace {

using namespace std::chrono_literals;

// Keeps what is recorded; answers from another thread, as the real one does.
class RecordingVault final : public vault::Vault {
 public:
  std::vector<audit::Event> events;
  bool writable = true;

  void record(audit::Event event, Recorded done) override {
    if (writable) events.push_back(std::move(event));
    std::thread([done = std::move(done), fine = writable] {
      if (fine) return done({});
      done(vault_unavailable("audit_unavailable", "audit log unavailable"));
    }).join();
  }
  void record_limited(audit::Event event, std::vector<vault::RateUnit>, Recorded done) override {
    record(std::move(event), std::move(done));
  }
  void lock() override {}
  bool is_locked() const override { return false; }
  vault::Status status() override { return {}; }
  std::vector<vault::Problem> problems() override { return {}; }
  const std::string& root() const override { return root_; }
  Result<std::int64_t> change_counter() override { return 0; }
  Result<void> read(const std::function<Result<void>(vault::Reader&)>&) override { return {}; }
  Result<void> change(const std::function<Result<void>(vault::Change&)>&) override { return {}; }
  Result<vault::OpenedSecret> open_secret(const SecretId&,
                                          const vault::Context&,
                                          vault::Opener) override {
    return vault_unavailable("secret_missing", "secret not found");
  }
  void flush() override {}
  Result<std::int64_t> audit_head() override { return 0; }
  Result<vault::MasterRotated> rotate_master(vault::NewMaster, audit::Event) override {
    return vault::MasterRotated();
  }
  Result<audit::Verification> verify_audit(const std::optional<audit::Head>&) override {
    return audit::Verification();
  }
  std::vector<Check> examine() override { return {}; }

 private:
  std::string root_;
};

audit::Event event_of_uid(std::int64_t uid, const std::string& capability = "a/b") {
  audit::Event event;
  event.kind = "capability.invoke";
  event.uid = uid;
  event.capability = capability;
  return event;
}

TEST(WriteRecord, WaitsForTheVaultAndSaysWhatItSays) {
  boost::asio::io_context loop;
  const auto vault = std::make_shared<RecordingVault>();
  EndQueue ends(loop.get_executor());
  EXPECT_TRUE(testing::run_async(loop, write_record(ends, vault, event_of_uid(1))));
  EXPECT_EQ(vault->events.size(), 1U);
  vault->writable = false;
  const auto refused = testing::run_async(loop, write_record(ends, vault, event_of_uid(1)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "audit_unavailable");
}

class EndRecordTest : public ::testing::Test {
 protected:
  EndRecord record_of(std::int64_t uid) { return {queue, vault, event_of_uid(uid)}; }

  boost::asio::io_context loop;
  std::shared_ptr<RecordingVault> vault = std::make_shared<RecordingVault>();
  std::shared_ptr<EndQueue> queue = std::make_shared<EndQueue>(loop.get_executor());
};

TEST_F(EndRecordTest, IsWrittenExactlyOnce) {
  {
    auto record = record_of(1);
    EndRecord moved(std::move(record));
    moved.ok(200, {3, 4});
    moved.error(Error{ErrorCode::upstream_unreachable, "tls", "", 0}, {});
  }
  queue->release();
  queue->release();
  ASSERT_EQ(vault->events.size(), 1U);
  EXPECT_EQ(vault->events[0].outcome, "ok");
  EXPECT_EQ(vault->events[0].status, 200);
  EXPECT_EQ(vault->events[0].request_bytes, 3);
  EXPECT_EQ(vault->events[0].response_bytes, 4);
  EXPECT_GE(vault->events[0].duration_ms, 0);
}

TEST_F(EndRecordTest, OfACallThatIsDroppedSaysSo) {
  {
    const auto record = record_of(1);
  }
  {
    auto record = record_of(2);
    record.forget();
  }
  queue->release();
  ASSERT_EQ(vault->events.size(), 1U);
  EXPECT_EQ(vault->events[0].outcome, "error");
  EXPECT_EQ(vault->events[0].note, "cancelled by caller");
  queue->break_off();
  {
    const auto record = record_of(3);
  }
  queue->release();
  ASSERT_EQ(vault->events.size(), 2U);
  EXPECT_EQ(vault->events[1].note, "broken off at shutdown");
}

TEST_F(EndRecordTest, WaitsForTheNextStartOrATwentiethOfASecond) {
  record_of(1).ok(200, {});
  EXPECT_TRUE(vault->events.empty());
  EXPECT_TRUE(testing::run_async(loop, write_record(*queue, vault, event_of_uid(2))));
  ASSERT_EQ(vault->events.size(), 2U);
  EXPECT_EQ(vault->events[0].outcome, "ok");
  EXPECT_EQ(vault->events[1].uid, 2);
  record_of(3).ok(200, {});
  loop.restart();
  loop.run_for(90ms);
  EXPECT_EQ(vault->events.size(), 3U);
  record_of(4).ok(200, {});
  queue.reset();
  EXPECT_EQ(vault->events.size(), 4U);
}

TEST(Refusals, AreOneRecordWithACountWithinASecond) {
  boost::asio::io_context loop;
  const auto vault = std::make_shared<RecordingVault>();
  const auto refusals = std::make_shared<Refusals>(loop.get_executor());
  for (int i = 0; i < 5; ++i) refusals->note(vault, event_of_uid(1), "same");
  refusals->note(vault, event_of_uid(1), "other");
  refusals->note(vault, event_of_uid(2), "same");
  EXPECT_TRUE(vault->events.empty());
  loop.run_for(1500ms);
  ASSERT_EQ(vault->events.size(), 3U);
  int counted = 0;
  for (const auto& event : vault->events) {
    EXPECT_EQ(event.outcome, "denied");
    if (!event.count) continue;
    ++counted;
    EXPECT_EQ(event.count, 5);
    EXPECT_EQ(event.uid, 1);
  }
  EXPECT_EQ(counted, 1);
}

TEST(Refusals, OfEachCallerEndTheirOwnSecond) {
  boost::asio::io_context loop;
  const auto vault = std::make_shared<RecordingVault>();
  const auto refusals = std::make_shared<Refusals>(loop.get_executor());
  refusals->note(vault, event_of_uid(1), "same");
  loop.run_for(500ms);
  refusals->note(vault, event_of_uid(2), "same");
  loop.run_for(1400ms);  // Less than a whole second after the first one's.
  EXPECT_EQ(vault->events.size(), 2U);
}

TEST(Refusals, KeepTheirOrderAndTheTimeOfTheFirst) {
  boost::asio::io_context loop;
  const auto vault = std::make_shared<RecordingVault>();
  const auto refusals = std::make_shared<Refusals>(loop.get_executor());
  for (const auto* kind : {"b", "a", "c", "a"}) {
    auto event = event_of_uid(1);
    event.reason = kind;
    refusals->note(vault, std::move(event), kind);
    std::this_thread::sleep_for(3ms);
  }
  refusals->settle();
  ASSERT_EQ(vault->events.size(), 3U);
  std::string order;
  for (const auto& event : vault->events) order += event.reason;
  EXPECT_EQ(order, "bac");
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_GT(vault->events[i].at, vault->events[i - 1].at);
  }
}

TEST(Refusals, OfOneCallerMakeNoMoreThanTenRecordsASecondAndACount) {
  boost::asio::io_context loop;
  const auto vault = std::make_shared<RecordingVault>();
  const auto refusals = std::make_shared<Refusals>(loop.get_executor());
  for (int i = 0; i < 1000; ++i) refusals->note(vault, event_of_uid(1), std::to_string(i));
  refusals->settle();
  ASSERT_EQ(vault->events.size(), 11U);
  EXPECT_EQ(vault->events.back().count, 990);
  EXPECT_TRUE(vault->events.back().capability.empty());
  refusals->settle();
  EXPECT_EQ(vault->events.size(), 11U);
}

}  // namespace
}  // namespace aivault::broker
