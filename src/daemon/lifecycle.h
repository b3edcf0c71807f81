// Lifecycle: decides when the daemon ends, and ends it in order: the path is given up, what is
// queued is served, running calls get ten seconds, then everything is broken off.
// Thread: the event loop; hooks() and begin() before it runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "broker/broker.h"
#include "daemon/claim.h"
#include "platform/log.h"
#include "server/server.h"

namespace aivault::daemon {

class Lifecycle {
 public:
  enum class Kind : std::uint8_t {
    lasting,
    once,
    private_child,   // Ends with its one connection,
    private_daemon,  // or with its parent, whatever connections it got from there.
  };
  struct Options {
    Kind kind = Kind::lasting;
    std::chrono::milliseconds idle_exit{0};  // 0: never.
    std::chrono::milliseconds drain_timeout = std::chrono::seconds(10);
    bool supervised = false;  // A service manager starts us again after a restart request.
    bool shared = false;      // A successor is to serve the agent socket as well.
    std::function<bool()> is_needed = nullptr;       // Asked before it ends for want of work.
    std::function<void()> on_drain = nullptr;        // It begins to end.
    std::function<void()> while_draining = nullptr;  // Again and again, until no call runs.
    std::function<void()> on_hangup = nullptr;       // SIGHUP, which ends nothing; must not block.
  };
  // `claims`: the socket paths that are ours; none for a private child.
  Lifecycle(boost::asio::io_context& loop,
            platform::Log& log,
            std::vector<Claim*> claims,
            Options options);
  Lifecycle(const Lifecycle&) = delete;
  Lifecycle& operator=(const Lifecycle&) = delete;
  Lifecycle(Lifecycle&&) = delete;
  Lifecycle& operator=(Lifecycle&&) = delete;
  ~Lifecycle() = default;

  server::Server::Hooks hooks();
  // Watches signals and idleness from now on. Both objects outlive the loop's run.
  void begin(server::Server& server, broker::Broker& broker);

  // The daemon's patience from now on; one that ends already ends as it began to.
  void set_times(std::chrono::milliseconds idle_exit, std::chrono::milliseconds drain_timeout);

  // Of a private daemon: whatever still runs is for nobody.
  void parent_ended();

  int exit_status() const { return exit_status_; }
  const std::string& reason() const { return reason_; }  // Why it ended.

 private:
  bool is_private() const;
  void watch_signals();
  void on_signal(int number);
  json::Value on_shutdown(server::ShutdownMode mode);
  void on_connections(std::size_t open);
  void watch_idleness(std::size_t open);
  void consider_once();

  void drain(std::string_view reason);
  void wait_for_calls();
  void break_off();
  void wait_for_end();
  bool is_quiet() const;

  boost::asio::io_context& loop_;
  platform::Log& log_;
  std::vector<Claim*> claims_;
  Options options_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer idle_, pause_;
  server::Server* server_ = nullptr;
  broker::Broker* broker_ = nullptr;
  enum class Phase : std::uint8_t { serving, draining, ending } phase_ = Phase::serving;
  std::chrono::steady_clock::time_point limit_;  // Of the present phase.
  bool call_answered_ = false;
  int exit_status_ = 0;
  std::string reason_;
};

}  // namespace aivault::daemon
