#include "server/deadline.h"

#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace aivault::server {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kNever = Clock::time_point::max();

}  // namespace

struct Deadline::State : std::enable_shared_from_this<State> {
  State(const boost::asio::any_io_executor& executor, std::function<void()> call)
      : timer(executor), interrupt(std::move(call)) {}

  void arm() {
    // An earlier alarm finds nothing due and arms itself again.
    if (at >= armed_for) return;
    armed_for = at;
    timer.expires_at(at);
    timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      if (const auto state = weak.lock(); state && !error) state->ring();
    });
  }

  void ring() {
    armed_for = kNever;
    if (at > Clock::now()) return arm();
    at = kNever;
    expired = true;
    if (interrupt) interrupt();
  }

  boost::asio::steady_timer timer;
  std::function<void()> interrupt;
  Clock::time_point at = kNever;
  Clock::time_point armed_for = kNever;
  bool expired = false;
};

Deadline::Deadline(const boost::asio::any_io_executor& executor, std::function<void()> interrupt)
    : state_(std::make_shared<State>(executor, std::move(interrupt))) {}

Deadline::~Deadline() {
  state_->interrupt = nullptr;
  state_->timer.cancel();
}

void Deadline::set(std::chrono::milliseconds from_now) {
  state_->expired = false;
  state_->at = Clock::now() + from_now;
  state_->arm();
}

void Deadline::clear() { state_->at = kNever; }

bool Deadline::expired() const { return state_->expired; }

}  // namespace aivault::server
