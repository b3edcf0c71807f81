// Server: the daemon's sockets. Speaks strict HTTP/1.1 (docs/api.md) on unix sockets, decides who
// calls once per connection, and hands operations to admin and calls to the broker.
// Thread: the event loop; operations run on the operator thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "admin/desk.h"
#include "admin/operation.h"
#include "broker/broker.h"
#include "broker/call.h"
#include "json/value.h"
#include "metrics/metrics.h"
#include "platform/descriptor.h"
#include "server/memory_budget.h"

namespace aivault::server {

enum class ShutdownMode : std::uint8_t { exit, restart };

class Server {
 public:
  // May change meanwhile: connections that are there already stay.
  struct Limits {
    std::size_t connections = 2048, connections_per_uid = 256;
  };
  struct Options {
    Limits limits{};
    std::size_t operator_reserve = 8;
    std::int64_t daemon_uid = -1;
    bool private_child = false;
    std::vector<std::string> allowed_origins{};  // Of pages; all others are refused.
    MemoryBudget::Limits memory{};
    metrics::Metrics* metrics = nullptr;  // nullptr: nothing is counted.
  };
  struct Hooks {
    // POST /aivault/shutdown: returns the body of the 202 answer; the daemon acts after it is sent.
    std::function<json::Value(ShutdownMode)> on_shutdown;
    // POST /aivault/reload: the body of its answer. Errors: invalid_request record_invalid; nothing
    // has changed then.
    std::function<boost::asio::awaitable<Result<json::Value>>(admin::Actor)> on_reload = nullptr;
    // Called when a call (not an operator or health request) has been answered in full.
    std::function<void()> on_call_answered;
    // Called when the number of open connections has changed.
    std::function<void(std::size_t open)> on_connections;
  };
  // Where the handlers of admin's operations run, by their lane: one thread each.
  struct Lanes {
    boost::asio::any_io_executor quick, slow, patient, urgent;
  };
  Server(boost::asio::any_io_executor loop,
         Lanes lanes,
         admin::Desk& desk,
         broker::Broker& broker,
         Options options,
         Hooks hooks);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // A listening unix socket and the power of those who come through it. Accepting starts at once.
  void listen(platform::Descriptor listening, broker::Door door = broker::Door::operator_socket);
  // A listening TCP socket of this machine's loopback, at this port.
  void listen_tcp(platform::Descriptor listening, std::uint16_t port);
  // One connected socket of a private child's parent: its descriptor 0, or one that was passed
  // over that. The hook sees 0 connections at the end of the last one.
  void serve(platform::Descriptor connected);

  // Accepts what is already queued, then closes the listeners. New requests on open connections:
  // 503 shutting_down and close. Idle connections are closed.
  void drain();
  // Breaks off what still runs.
  void stop();
  void set_limits(const Limits& limits);
  std::size_t open_connections() const;
  // Connections with a request under way.
  std::size_t busy_connections() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // Also held by what still runs.
};

}  // namespace aivault::server
