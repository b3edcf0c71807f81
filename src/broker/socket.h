// Socket: the WebSocket that a call has opened at its upstream, as a door runs it, and the caller's
// end of it as the broker sees it.
// Thread: the event loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace aivault::broker {

// The caller's connection, behind the opening handshake. One reader and one writer at a time.
class CallerStream {
 public:
  virtual ~CallerStream() = default;
  virtual boost::asio::awaitable<std::size_t> read(std::span<char> into) = 0;  // 0: it has ended.
  virtual boost::asio::awaitable<bool> write(
      std::string_view bytes) = 0;  // False: nobody takes it.
  virtual void interrupt() = 0;     // Ends what waits now and whatever would wait later.
  // From now on the relay holds so many bytes in all for its caller. Errors: policy_violation
  // concurrency_limit; nothing changes.
  virtual Result<void> hold(std::size_t bytes) = 0;
};

// What a relay holds while little happens; it has that much before it begins.
inline constexpr std::size_t kQuietSocket = std::size_t{12} << 10U;

// How far a socket has come: bytes of messages.
struct SocketBytes {
  std::uint64_t from_caller = 0, to_caller = 0;
};

// What a server answers to the key of an opening handshake (RFC 6455 4.2.2).
std::string accept_of(std::string_view key);

class Socket {
 public:
  virtual ~Socket() = default;
  // The subprotocol that the upstream chose; empty: none.
  virtual const std::string& protocol() const = 0;
  // Passes messages both ways until both ends are closed; the caller has got its close frame then.
  // Once. The error is what ended it, if that was no close frame of either end.
  virtual boost::asio::awaitable<Result<void>> run(CallerStream& caller) = 0;
  virtual void drain() = 0;  // The daemon goes away, and says so to both ends.
  virtual SocketBytes bytes() const = 0;
};

}  // namespace aivault::broker
