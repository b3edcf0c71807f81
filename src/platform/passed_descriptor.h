// send_with, receive_with: one message over a connected unix socket, and a descriptor with it
// (SCM_RIGHTS, unix(7)). A seqpacket socket keeps messages apart.
// Thread: any. Neither waits nor raises a signal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "platform/descriptor.h"

namespace aivault::platform {

constexpr std::size_t kMaxPassedText = 1024;

// `text`: 1 byte at least. `passed` -1: none goes with it. False: errno says why.
bool send_with(int socket, std::string_view text, int passed);

enum class Received : std::uint8_t { message, nothing_yet, end };
struct PassedMessage {
  Received what = Received::end;
  std::string text;       // At most kMaxPassedText bytes; the rest of a message is cut off.
  Descriptor descriptor;  // Close-on-exec. None, if there was none or more than one.
};
PassedMessage receive_with(int socket);

}  // namespace aivault::platform
