#include "daemon/claim.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "daemon/probe.h"
#include "daemon/readiness.h"

namespace aivault::daemon {
namespace {

// Answers every connection with the same bytes until the listening socket is shut down.
class Answering {
 public:
  Answering(const platform::Descriptor& listening, std::string answer)
      : listening_(listening.get()), thread_([this, answer = std::move(answer)] {
          for (;;) {
            const platform::Descriptor peer(::accept(listening_, nullptr, nullptr));
            if (!peer) return;
            std::array<char, 4096> request{};
            if (::recv(peer.get(), request.data(), request.size(), 0) < 0) continue;
            ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
          }
        }) {}
  ~Answering() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
  }

 private:
  int listening_;
  std::thread thread_;
};

std::string health(const std::string& state) {
  return "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"ok\":true,\"state\":\"" +
         state + "\"}";
}

class ClaimTest : public testing::Test {
 protected:
  ClaimTest() {
    EXPECT_NE(::mkdtemp(base_.data()), nullptr);
    path_ = base_ + "/d.sock";
  }
  ~ClaimTest() override { std::filesystem::remove_all(base_); }

  Result<std::optional<Claim>> claim() { return claim_path(path_, 0600, 0700); }

  std::string base_ = (std::filesystem::temp_directory_path() / "aivault-claim.XXXXXX").string();
  std::string path_;
};

TEST_F(ClaimTest, IsGivenToOneProcessAtATime) {
  auto first = claim();
  ASSERT_TRUE(first.has_value() && first->has_value());
  const Answering serving((*first)->listening, health("serving"));
  auto second = claim();
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(second->has_value());  // Already running.
}

TEST_F(ClaimTest, PassesOnWhenThePathIsGivenUp) {
  auto first = claim();
  ASSERT_TRUE(first.has_value() && first->has_value());
  std::thread leaving([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    (*first)->give_up_path();
    (*first)->give_up_lock();
  });
  const Answering draining((*first)->listening, health("draining"));
  auto second = claim();
  leaving.join();
  ASSERT_TRUE(second.has_value() && second->has_value());
  (*first)->give_up_path();
  EXPECT_TRUE(std::filesystem::exists(path_));  // That of the successor.
}

TEST_F(ClaimTest, ReplacesADeadSocket) {
  {
    auto first = claim();
    ASSERT_TRUE(first.has_value() && first->has_value());
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  auto second = claim();
  EXPECT_TRUE(second.has_value() && second->has_value());
}

TEST_F(ClaimTest, RefusesAPathWhereSomethingElseAnswers) {
  platform::Descriptor other;
  {
    auto first = claim();
    ASSERT_TRUE(first.has_value() && first->has_value());
    other = std::move((*first)->listening);
  }
  const Answering answering(other, "220 mail ready\r\n");
  auto second = claim();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().message, "'" + path_ + "' exists and is not our socket");
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ClaimTest, GivesUpOnAHolderThatNeverAnswers) {
  auto first = claim();
  ASSERT_TRUE(first.has_value() && first->has_value());
  (*first)->give_up_path();  // Holds the lock and is nowhere.
  auto second = claim();
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find("does not answer"), std::string::npos);
}

TEST(Probe, FindsNobodyWhereNothingIs) {
  EXPECT_EQ(probe("/nonexistent/d.sock"), Presence::nobody);
}

TEST(Readiness, TellsOnceAndClosesThePipe) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const platform::Descriptor reading(ends[0]);
  Readiness readiness{platform::Descriptor(ends[1])};
  EXPECT_TRUE(readiness.is_awaited());
  readiness.tell_error("no such key");
  readiness.tell_ready();
  EXPECT_FALSE(readiness.is_awaited());
  std::array<char, 64> text{};
  const auto got = ::read(reading.get(), text.data(), text.size());
  EXPECT_EQ(std::string(text.data(), static_cast<std::size_t>(got)), "ERROR no such key\n");
  EXPECT_EQ(::read(reading.get(), text.data(), text.size()), 0);
}

}  // namespace
}  // namespace aivault::daemon
