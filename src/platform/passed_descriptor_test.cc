#include "platform/passed_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace aivault::platform {
namespace {

class PassedDescriptorTest : public testing::Test {
 protected:
  PassedDescriptorTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
  }

  // As somebody does who sends what send_with would not.
  void send_many(int descriptor, std::size_t count) const {
    char byte = 'x';
    iovec piece{.iov_base = &byte, .iov_len = 1};
    constexpr std::size_t kMost = 64;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMost * sizeof(int))> space{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = space.data();
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(CMSG_DATA(header) + i * sizeof descriptor, &descriptor, sizeof descriptor);
    }
    ASSERT_EQ(::sendmsg(ours_.get(), &message, 0), 1);
  }

  // The number that the next descriptor will get: all that was opened is closed if it stays.
  static int next_number() { return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get(); }

  Descriptor ours_, theirs_;
};

TEST_F(PassedDescriptorTest, ArrivesWithItsMessage) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const Descriptor reading(pipe[0]);
  Descriptor writing(pipe[1]);
  ASSERT_TRUE(send_with(ours_.get(), "take this", writing.get()));
  writing.reset();
  const auto received = receive_with(theirs_.get());
  ASSERT_EQ(received.what, Received::message);
  EXPECT_EQ(received.text, "take this");
  ASSERT_TRUE(received.descriptor);
  EXPECT_NE(::fcntl(received.descriptor.get(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_EQ(::write(received.descriptor.get(), "y", 1), 1);
  char byte = 0;
  ASSERT_EQ(::read(reading.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
}

TEST_F(PassedDescriptorTest, MessagesMayComeWithoutOne) {
  ASSERT_TRUE(send_with(ours_.get(), "a", -1));
  ASSERT_TRUE(send_with(ours_.get(), "b", -1));
  EXPECT_EQ(receive_with(theirs_.get()).text, "a");
  const auto second = receive_with(theirs_.get());
  EXPECT_EQ(second.text, "b");
  EXPECT_FALSE(second.descriptor);
}

TEST_F(PassedDescriptorTest, DoesNotWait) {
  EXPECT_EQ(receive_with(theirs_.get()).what, Received::nothing_yet);
  ours_.reset();
  EXPECT_EQ(receive_with(theirs_.get()).what, Received::end);
  EXPECT_FALSE(send_with(theirs_.get(), "x", -1));  // And kills nobody.
}

TEST_F(PassedDescriptorTest, MoreThanOneIsNone) {
  const int before = next_number();
  for (const std::size_t count : {std::size_t{2}, std::size_t{8}, std::size_t{64}}) {
    send_many(STDIN_FILENO, count);
    const auto received = receive_with(theirs_.get());
    EXPECT_EQ(received.what, Received::message);
    EXPECT_FALSE(received.descriptor);
    EXPECT_EQ(next_number(), before);
  }
}

TEST_F(PassedDescriptorTest, AnEmptyMessageIsTheEnd) {
  const int before = next_number();
  ASSERT_EQ(::send(ours_.get(), "", 0, 0), 0);
  EXPECT_EQ(receive_with(theirs_.get()).what, Received::end);
  EXPECT_EQ(next_number(), before);
}

}  // namespace
}  // namespace aivault::platform
