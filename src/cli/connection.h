// Connection: one connected socket to aivaultd with a bounded receive buffer.
// Thread: one. Errors: vault_unavailable, reason kConnectionLost or kNoAnswer.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::cli {

// Reasons that no daemon gives.
constexpr std::string_view kConnectionLost = "client:connection_lost";
constexpr std::string_view kNoAnswer = "client:no_answer";

class Connection {
 public:
  explicit Connection(platform::Descriptor socket) : socket_(std::move(socket)) {}

  int descriptor() const { return socket_.get(); }
  void close() { socket_.reset(); }

  // Waits as long as the other side takes nothing.
  Result<void> send(std::string_view bytes);
  // What fits without waiting; 0: nothing.
  Result<std::size_t> send_some(std::string_view bytes);

  // Waits until there are more bytes. False: the other side sends no more.
  Result<bool> receive(std::chrono::milliseconds limit);
  std::string_view received() const { return std::string_view(buffer_).substr(used_); }
  void consume(std::size_t size) { used_ += size; }

 private:
  platform::Descriptor socket_;
  std::string buffer_;
  std::size_t used_ = 0;
};

}  // namespace aivault::cli
