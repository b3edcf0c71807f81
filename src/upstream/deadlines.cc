#include "upstream/deadlines.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace aivault::upstream {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kLimits = 4;
// Longer ones would not fit the clock.
constexpr std::chrono::milliseconds kLongest = std::chrono::years(1);

std::size_t index_of(Deadlines::Limit limit) { return static_cast<std::size_t>(limit); }

}  // namespace

struct Deadlines::State : std::enable_shared_from_this<State> {
  State(const boost::asio::any_io_executor& executor, const Timeouts& wanted, std::string name)
      : timeouts(wanted), peer(std::move(name)), timer(executor) {}

  std::chrono::milliseconds length(Limit limit) const {
    return std::min(kLongest, wanted_length(limit));
  }

  std::chrono::milliseconds wanted_length(Limit limit) const {
    switch (limit) {
      case Limit::connect: return timeouts.connect;
      case Limit::first_byte: return timeouts.first_byte;
      case Limit::idle: return timeouts.idle;
      case Limit::total: return timeouts.total.value_or(std::chrono::milliseconds::max());
    }
    return timeouts.connect;
  }

  void arm() {
    const auto earliest = *std::ranges::min_element(at);
    // An earlier alarm finds nothing due and arms itself again, so moving a limit back is free.
    if (passed || earliest >= armed_for) return;
    armed_for = earliest;
    timer.expires_at(earliest);
    timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      if (const auto state = weak.lock(); state && !error) state->ring();
    });
  }

  void ring() {
    armed_for = Clock::time_point::max();
    const auto now = Clock::now();
    const auto due = std::ranges::find_if(at, [now](auto limit) { return limit <= now; });
    if (due == at.end()) return arm();
    passed = static_cast<Limit>(due - at.begin());
    if (const auto call = std::exchange(interrupt, nullptr)) call();
  }

  Timeouts timeouts;
  std::string peer;
  boost::asio::steady_timer timer;
  std::array<Clock::time_point, kLimits> at{Clock::time_point::max(),
                                            Clock::time_point::max(),
                                            Clock::time_point::max(),
                                            Clock::time_point::max()};
  Clock::time_point armed_for = Clock::time_point::max();
  std::function<void()> interrupt;
  std::optional<Limit> passed;
};

Deadlines::Deadlines(const boost::asio::any_io_executor& executor,
                     const Timeouts& timeouts,
                     std::string peer)
    : state_(std::make_shared<State>(executor, timeouts, std::move(peer))) {
  if (timeouts.total) begin(Limit::total);
  if (!timeouts.withdrawal) return;
  timeouts.withdrawal->on_withdrawal([weak = std::weak_ptr(state_)] {
    const auto state = weak.lock();
    if (!state) return;
    if (const auto call = std::exchange(state->interrupt, nullptr)) call();
  });
}

Deadlines::~Deadlines() { clear(); }

void Deadlines::begin(Limit limit) {
  if (limit == Limit::first_byte && state_->timeouts.total) return;
  state_->at[index_of(limit)] = Clock::now() + state_->length(limit);
  state_->arm();
}

void Deadlines::end(Limit limit) { state_->at[index_of(limit)] = Clock::time_point::max(); }

void Deadlines::touch() {
  auto& idle = state_->at[index_of(Limit::idle)];
  if (idle != Clock::time_point::max()) idle = Clock::now() + state_->length(Limit::idle);
}

void Deadlines::clear() {
  state_->at.fill(Clock::time_point::max());
  state_->interrupt = nullptr;
  state_->timer.cancel();
  state_->armed_for = Clock::time_point::max();
}

void Deadlines::on_expiry(std::function<void()> interrupt) {
  if (interrupt && expired()) return interrupt();
  state_->interrupt = std::move(interrupt);
}

bool Deadlines::expired() const {
  const auto& withdrawal = state_->timeouts.withdrawal;
  return state_->passed.has_value() || (withdrawal && withdrawal->why());
}

Error Deadlines::explain(Error otherwise) const {
  const auto& withdrawal = state_->timeouts.withdrawal;
  if (withdrawal && withdrawal->why()) return *withdrawal->why();
  if (!state_->passed) return otherwise;
  const auto limit = state_->passed.value();
  const auto after = " within " + std::to_string(state_->length(limit).count()) + " ms";
  const auto timeout = [](std::string reason, std::string message) {
    return Error{ErrorCode::upstream_unreachable, std::move(reason), std::move(message), 0};
  };
  switch (limit) {
    case Limit::connect:
      return timeout("timeout_connect", "no connection to " + state_->peer + after);
    case Limit::first_byte:
      return timeout("timeout_first_byte", state_->peer + " did not begin to answer" + after);
    case Limit::idle:
      return timeout("timeout_idle", "no byte was exchanged with " + state_->peer + after);
    case Limit::total:
      return timeout("timeout_total", "the call to " + state_->peer + " did not end" + after);
  }
  return otherwise;
}

}  // namespace aivault::upstream
