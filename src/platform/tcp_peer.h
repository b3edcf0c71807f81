// tcp_peer: which user of this machine is at the other end of a loopback connection.
// Thread: any. Source: proc_net(5), /proc/net/tcp and /proc/net/tcp6.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aivault::platform {

// nullopt: not TCP, or its socket is not among this machine's established ones any more.
std::optional<std::int64_t> uid_of_tcp_peer(int connected_socket);

// One end of a connection as those tables print it: "0100007F:1F90".
std::string table_address(std::uint32_t address_as_sent, std::uint16_t port);
// The owner of the established socket with these ends in a line of such a table.
std::optional<std::int64_t> uid_in_table_line(std::string_view line,
                                              std::string_view local,
                                              std::string_view remote);

}  // namespace aivault::platform
