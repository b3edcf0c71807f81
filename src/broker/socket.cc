#include "broker/socket.h"

#include "upstream/websocket_accept.h"

namespace aivault::broker {

std::string accept_of(std::string_view key) { return upstream::websocket_accept(key); }

}  // namespace aivault::broker
