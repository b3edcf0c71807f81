#include "daemon/lifecycle.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include <boost/asio/post.hpp>

#include "json/value.h"

namespace aivault::daemon {
namespace {

using boost::system::error_code;
using std::chrono::steady_clock;

constexpr int kRestartedBySupervisor = 75;
constexpr std::chrono::milliseconds kPause{10};
constexpr std::chrono::seconds kUnwinding{1};  // What was broken off ends within this.

}  // namespace

Lifecycle::Lifecycle(boost::asio::io_context& loop,
                     platform::Log& log,
                     std::vector<Claim*> claims,
                     Options options)
    : loop_(loop),
      log_(log),
      claims_(std::move(claims)),
      options_(std::move(options)),
      signals_(loop, SIGTERM, SIGINT, SIGHUP),
      idle_(loop),
      pause_(loop) {}

server::Server::Hooks Lifecycle::hooks() {
  return {
      .on_shutdown = [this](server::ShutdownMode mode) { return on_shutdown(mode); },
      .on_call_answered =
          [this] {
            call_answered_ = true;
            consider_once();
          },
      .on_connections = [this](std::size_t open) { on_connections(open); },
  };
}

void Lifecycle::begin(server::Server& server, broker::Broker& broker) {
  server_ = &server;
  broker_ = &broker;
  watch_signals();
  if (!is_private()) watch_idleness(server.open_connections());
}

void Lifecycle::set_times(std::chrono::milliseconds idle_exit,
                          std::chrono::milliseconds drain_timeout) {
  options_.drain_timeout = drain_timeout;
  if (options_.idle_exit == idle_exit) return;
  options_.idle_exit = idle_exit;
  if (!is_private()) watch_idleness(server_->open_connections());
}

bool Lifecycle::is_private() const {
  return options_.kind == Kind::private_child || options_.kind == Kind::private_daemon;
}

void Lifecycle::parent_ended() { break_off(); }

void Lifecycle::watch_signals() {
  signals_.async_wait([this](const error_code& error, int number) {
    if (error) return;
    watch_signals();  // First: the signal may be the last thing that happens.
    on_signal(number);
  });
}

void Lifecycle::on_signal(int number) {
  if (number == SIGHUP) {
    if (options_.on_hangup) options_.on_hangup();
    return;
  }
  if (phase_ == Phase::serving) {
    drain(number == SIGTERM ? "SIGTERM" : "SIGINT");
  } else if (phase_ == Phase::draining) {
    break_off();
  }
}

json::Value Lifecycle::on_shutdown(server::ShutdownMode mode) {
  std::string_view next = "none";
  if (mode == server::ShutdownMode::restart) next = options_.supervised ? "supervisor" : "start";
  if (next == "supervisor" && phase_ == Phase::serving) exit_status_ = kRestartedBySupervisor;
  // After the answer is on its way: the connection that asked is busy until then.
  boost::asio::post(loop_, [this] { drain("shutdown request"); });
  auto arguments = json::Value::array();
  if (options_.shared) arguments.push("--shared");
  return json::Value::object({{"args", std::move(arguments)},
                              {"next", next},
                              {"pid", static_cast<std::int64_t>(::getpid())}});
}

void Lifecycle::on_connections(std::size_t open) {
  if (options_.kind == Kind::private_child) {
    // The parent is gone: whatever still runs is for nobody.
    if (open == 0) boost::asio::post(loop_, [this] { break_off(); });
    return;
  }
  if (options_.kind == Kind::private_daemon) return;
  watch_idleness(open);
  consider_once();
}

void Lifecycle::watch_idleness(std::size_t open) {
  idle_.cancel();
  if (open > 0 || options_.idle_exit.count() == 0 || phase_ != Phase::serving) return;
  idle_.expires_after(options_.idle_exit);
  idle_.async_wait([this](const error_code& error) {
    if (error || server_->open_connections() > 0) return;
    if (options_.is_needed && options_.is_needed()) return watch_idleness(0);
    drain("idle");
  });
}

void Lifecycle::consider_once() {
  if (options_.kind != Kind::once) return;
  boost::asio::post(loop_, [this] {
    // A call whose caller went away has no answer, but it was the one we were started for.
    const bool served = call_answered_ || broker_->finished() > 0;
    if (served && server_->open_connections() == 0) drain("first call answered");
  });
}

bool Lifecycle::is_quiet() const {
  return server_->open_connections() == 0 && broker_->running() == 0;
}

void Lifecycle::drain(std::string_view reason) {
  if (phase_ != Phase::serving) return;
  phase_ = Phase::draining;
  reason_ = reason;
  idle_.cancel();
  if (options_.on_drain) options_.on_drain();
  log_.info("daemon.drain", {{"reason", reason_}});
  // The path goes first: who comes from now on finds nobody, and no connection is lost in a queue.
  for (auto* claim : claims_) claim->give_up_path();
  server_->drain();
  for (auto* claim : claims_) claim->give_up_lock();
  limit_ = steady_clock::now() + options_.drain_timeout;
  wait_for_calls();
}

void Lifecycle::wait_for_calls() {
  if (phase_ != Phase::draining) return;
  if (options_.while_draining) options_.while_draining();
  if (is_quiet() || steady_clock::now() >= limit_) return break_off();
  pause_.expires_after(kPause);
  pause_.async_wait([this](const error_code& error) {
    if (!error) wait_for_calls();
  });
}

void Lifecycle::break_off() {
  if (phase_ == Phase::ending) return;
  phase_ = Phase::ending;
  if (reason_.empty()) reason_ = "end of the parent";
  if (!is_quiet()) {
    log_.info("daemon.break_off", {{"calls", std::to_string(broker_->running())}});
  }
  server_->stop();
  limit_ = steady_clock::now() + kUnwinding;
  wait_for_end();
}

void Lifecycle::wait_for_end() {
  if (is_quiet() || steady_clock::now() >= limit_) {
    signals_.cancel();
    loop_.stop();
    return;
  }
  pause_.expires_after(kPause);
  pause_.async_wait([this](const error_code& error) {
    if (!error) wait_for_end();
  });
}

}  // namespace aivault::daemon
