// Connection: one connected unix socket: buffered receiving, gathered sending, a time limit for
// whatever is waited for, and notice when the peer is gone altogether.
// Thread: the event loop; one receiver and one sender at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "platform/descriptor.h"
#include "server/deadline.h"

namespace aivault::server {

// ended: the peer sends no more. lost: the connection is of no use any more. late: the limit
// passed. interrupted: by interrupt() or by the cancellation of a coroutine.
enum class Io : std::uint8_t { ok, ended, lost, late, interrupted };

class Connection {
 public:
  Connection(const boost::asio::any_io_executor& executor, platform::Descriptor connected);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Received and not used up.
  std::string_view received() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes);  // Zeroes them as well.
  // At least one byte more in received().
  boost::asio::awaitable<Io> receive();
  // Straight into `into`, when nothing is left in received().
  boost::asio::awaitable<Io> receive_into(std::span<std::byte> into, std::size_t& got);
  Io receive_now();  // Without waiting; interrupted: nothing is there.

  // Everything, in order, or not ok.
  boost::asio::awaitable<Io> send(std::span<const std::string_view> parts);
  std::size_t send_now(std::string_view bytes);  // Without waiting; how many were taken.
  std::uint64_t sent() const { return sent_; }   // Bytes, ever.
  void end_sending();
  void close();
  bool is_open() const { return socket_.is_open(); }

  // How long a wait may take from now on; starts again with every byte of a send.
  void limit(std::chrono::milliseconds time);
  void no_limit();
  void interrupt();  // Ends the waits under way.

  bool peer_sends_no_more() const;  // Whether or not what it sent has been read.
  // Calls once when the peer has closed its socket for good; a mere end of sending is no such
  // thing.
  void on_hangup(std::function<void()> call);

  // Gives back the memory of received() if nothing is in it.
  void release_buffer();

 private:
  using Socket = boost::asio::local::stream_protocol::socket;
  boost::asio::awaitable<Io> wait(Socket::wait_type type);
  boost::asio::awaitable<void> give_others_a_turn();
  Io receive_some(std::span<std::byte> into, std::size_t& got);
  std::span<std::byte> make_room();
  void watch();

  Socket socket_;
  Deadline deadline_;
  std::chrono::milliseconds limit_{0};
  void resize_buffer(std::size_t size);

  std::unique_ptr<char[]> buffer_;  // NOLINT: not zeroed for every request, as a vector is.
  std::size_t capacity_ = 0;
  bool was_full_ = false;  // The last receive took all the room there was.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t sent_ = 0;
  unsigned uses_without_wait_ = 0;
  bool watching_ = false;
  bool hung_up_ = false;
  std::function<void()> on_hangup_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // Handlers that come late find it gone.
};

}  // namespace aivault::server
