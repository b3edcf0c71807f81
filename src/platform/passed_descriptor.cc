#include "platform/passed_descriptor.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace aivault::platform {
namespace {

// Room for more than the one that is wanted: what does not fit would be closed without a word.
constexpr std::size_t kMostInOneMessage = 8;

std::vector<Descriptor> descriptors_of(msghdr& message) {
  std::vector<Descriptor> all;
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof descriptor, sizeof descriptor);
      all.emplace_back(descriptor);
    }
  }
  return all;
}

}  // namespace

bool send_with(int socket, std::string_view text, int passed) {
  std::string bytes(text);
  iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (passed >= 0) {
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(bytes.size());
}

PassedMessage receive_with(int socket) {
  std::array<char, kMaxPassedText> text{};
  iovec piece{.iov_base = text.data(), .iov_len = text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostInOneMessage * sizeof(int))> space{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  PassedMessage received;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) received.what = Received::nothing_yet;
  if (got < 0) return received;
  auto passed = descriptors_of(message);
  if (got == 0) return received;
  received.what = Received::message;
  received.text.assign(text.data(), static_cast<std::size_t>(got));
  const bool is_whole = (message.msg_flags & MSG_CTRUNC) == 0;
  if (is_whole && passed.size() == 1) received.descriptor = std::move(passed.front());
  return received;
}

}  // namespace aivault::platform
