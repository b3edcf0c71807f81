#include "server/stream_pipe.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kLong = 3'000'000;

asio::awaitable<void> take_all(std::shared_ptr<StreamPipe> pipe, std::string& all) {
  for (;;) {
    const auto bytes = co_await pipe->take();
    if (bytes.empty()) co_return;
    all += bytes;
  }
}

asio::awaitable<void> give_all(std::shared_ptr<StreamPipe> pipe,
                               const std::string& all,
                               bool& taken) {
  constexpr std::size_t kPiece = 50'000;
  taken = true;
  for (std::size_t at = 0; taken && at < all.size(); at += kPiece) {
    taken = co_await pipe->give(std::string_view(all).substr(at, kPiece));
  }
  pipe->end_input();
  co_await pipe->finished();
}

std::string pattern() {
  std::string bytes(kLong, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 300);
  return bytes;
}

class Pipe : public ::testing::Test {
 protected:
  asio::io_context loop_;
  asio::executor_work_guard<asio::io_context::executor_type> busy_{loop_.get_executor()};
  std::shared_ptr<StreamPipe> pipe_ = std::make_shared<StreamPipe>(loop_.get_executor());

  void run(asio::awaitable<void> work) {
    asio::co_spawn(loop_, std::move(work), [this](const std::exception_ptr&) { busy_.reset(); });
    loop_.run();
  }
};

TEST_F(Pipe, BringsAllBytesInOrderFromTheThread) {
  const auto sent = pattern();
  std::thread thread([&] {
    EXPECT_TRUE(pipe_->write(sent));
    pipe_->finish();
  });
  std::string got;
  run(take_all(pipe_, got));
  thread.join();
  EXPECT_EQ(sent, got);
}

TEST_F(Pipe, BringsAllBytesInOrderToTheThread) {
  const auto sent = pattern();
  std::string got;
  std::thread thread([&] {
    std::array<char, 10'000> piece{};
    for (;;) {
      const auto size = pipe_->read(piece);
      ASSERT_TRUE(size);
      if (*size == 0) break;
      got.append(piece.data(), *size);
    }
    pipe_->finish();
  });
  bool taken = false;
  run(give_all(pipe_, sent, taken));
  thread.join();
  EXPECT_TRUE(taken);
  EXPECT_EQ(sent, got);
}

TEST_F(Pipe, WakesAThreadThatWritesWhatNobodyTakes) {
  std::thread thread([&] { EXPECT_EQ("connection_lost", pipe_->write(pattern()).error().reason); });
  pipe_->abandon();
  thread.join();
  EXPECT_TRUE(pipe_->is_abandoned());
}

TEST_F(Pipe, WakesAThreadThatWaitsForInput) {
  std::thread thread([&] {
    std::array<char, 10> piece{};
    EXPECT_EQ("connection_lost", pipe_->read(piece).error().reason);
  });
  pipe_->abandon();
  thread.join();
}

TEST_F(Pipe, StopsGivingToAThreadThatIsDone) {
  const auto sent = pattern();
  std::thread thread([&] { pipe_->finish(); });
  bool taken = true;
  run(give_all(pipe_, sent, taken));
  thread.join();
  EXPECT_FALSE(taken);
}

}  // namespace
}  // namespace aivault::server
