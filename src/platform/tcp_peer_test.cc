#include "platform/tcp_peer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/descriptor.h"

namespace aivault::platform {
namespace {

constexpr std::string_view kLine =
    "   3: 0100007F:859D 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "5230324 1 00000000e9f6247f 20 4 30 10 -1";

TEST(TcpPeer, FindsTheOwnerOfTheSocketWithTheseEnds) {
  EXPECT_EQ(table_address(htonl(INADDR_LOOPBACK), 8080), "0100007F:1F90");
  EXPECT_EQ(uid_in_table_line(kLine, "0100007F:859D", "0100007F:1F90"), 1000);
  EXPECT_EQ(uid_in_table_line("  1: 0000000000000000FFFF00000100007F:859D "
                              "0000000000000000FFFF00000100007F:1F90 01 0:0 0:0 0 1001 0 1",
                              "0100007F:859D",
                              "0100007F:1F90"),
            1001);
}

TEST(TcpPeer, TakesNoOtherLine) {
  EXPECT_FALSE(uid_in_table_line(kLine, "0100007F:1F90", "0100007F:859D"));  // Our own end.
  EXPECT_FALSE(uid_in_table_line(kLine, "0100007F:859E", "0100007F:1F90"));
  EXPECT_FALSE(uid_in_table_line("  sl  local_address rem_address   st", "0100007F:859D", ""));
  // A socket that nobody owns any more is listed as root's.
  EXPECT_FALSE(uid_in_table_line(
      "  3: 0100007F:859D 0100007F:1F90 06 0:0 0:0 0 0 0 0", "0100007F:859D", "0100007F:1F90"));
}

TEST(TcpPeer, KnowsWhoIsConnectedHere) {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), raw, size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), raw, &size), 0);
  Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), raw, size), 0);
  const Descriptor served(::accept(listener.get(), nullptr, nullptr));
  EXPECT_EQ(uid_of_tcp_peer(served.get()), std::int64_t{::geteuid()});
  client.reset();
  EXPECT_FALSE(uid_of_tcp_peer(served.get()));
}

}  // namespace
}  // namespace aivault::platform
