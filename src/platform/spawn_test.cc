#include "platform/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>

#include "platform/descriptor.h"

namespace aivault::platform {
namespace {

// What a shell started by spawn writes to descriptor 3.
std::string output_of(const std::string& script) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  auto child = spawn({.path = "/bin/sh",
                      .arguments = {"-c", script},
                      .environment = {"GREETING=hello"},
                      .extra = writing.get()});
  writing.reset();
  EXPECT_TRUE(child);
  std::string output;
  std::array<char, 256> piece{};
  for (ssize_t got = 0; (got = read(reading.get(), piece.data(), piece.size())) > 0;) {
    output.append(piece.data(), static_cast<std::size_t>(got));
  }
  EXPECT_EQ(child->wait(std::chrono::seconds(10)), 0);
  return output;
}

TEST(Spawn, GivesAChildItsEnvironmentAndNothingElseOfOurs) {
  setenv("SPAWN_TEST_LEAK", "leak", 1);
  EXPECT_EQ(output_of("echo $GREETING$SPAWN_TEST_LEAK >&3"), "hello\n");
}

TEST(Spawn, LeavesNoDescriptorOpenButTheNamedOne) {
  const Descriptor leak(fcntl(STDERR_FILENO, F_DUPFD, 50));  // Without close-on-exec.
  const std::string number = std::to_string(leak.get());
  EXPECT_EQ(output_of("[ -e /proc/self/fd/" + number + " ] && echo open >&3; exit 0"), "");
}

TEST(Spawn, DetachesTheChild) {
  EXPECT_EQ(output_of("[ \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$ ] && pwd >&3; exit 0"), "/\n");
}

TEST(Spawn, TellsEveryCopyHowTheChildEnded) {
  auto ended = spawn({.path = "/bin/sh", .arguments = {"-c", "exit 7"}, .environment = {}});
  ASSERT_TRUE(ended);
  auto copy = *ended;
  EXPECT_EQ(ended->wait(std::chrono::seconds(10)), 7);
  EXPECT_EQ(copy.wait(std::chrono::seconds(10)), 7);
}

TEST(Spawn, TellsHowAChildEnded) {
  auto ended = spawn({.path = "/bin/sh", .arguments = {"-c", "exit 7"}, .environment = {}});
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->wait(std::chrono::seconds(10)), 7);
  auto running = spawn({.path = "/bin/sh", .arguments = {"-c", "sleep 60"}, .environment = {}});
  ASSERT_TRUE(running);
  EXPECT_EQ(running->wait(std::chrono::milliseconds(20)), std::nullopt);
  kill(running->pid(), SIGKILL);
  EXPECT_EQ(running->wait(std::chrono::seconds(10)), 128 + SIGKILL);
  EXPECT_FALSE(spawn({.path = "/no/such/program", .arguments = {}, .environment = {}}));
}

}  // namespace
}  // namespace aivault::platform
