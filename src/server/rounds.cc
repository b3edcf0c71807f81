#include "server/rounds.h"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace aivault::server {
namespace {

namespace asio = boost::asio;

// Enough to keep everybody busy who serves a lone caller: the event loop, the writer of the audit,
// the upstream.
constexpr std::size_t kOfEach = 4;

}  // namespace

// Held while it waits, and given up also by an exception. A lane with somebody in it stays.
class Rounds::Place {
 public:
  Place(const asio::any_io_executor& loop, std::list<Waiting>& lane)
      : lane_(lane),
        at_(lane.insert(lane.end(),
                        {asio::steady_timer(loop, asio::steady_timer::time_point::max())})) {}
  ~Place() { lane_.erase(at_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool may_go() const { return at_->may_go; }
  asio::steady_timer& woken() const { return at_->woken; }

 private:
  std::list<Waiting>& lane_;
  std::list<Waiting>::iterator at_;
};

Rounds::Rounds(asio::any_io_executor loop) : loop_(std::move(loop)) {}

asio::awaitable<void> Rounds::turn(std::int64_t uid) {
  begin_soon();
  auto& lane = lanes_[uid];
  if (lane.waiting.empty() && lane.begun < kOfEach) {
    ++lane.begun;
    co_return;
  }
  const Place place(loop_, lane.waiting);
  while (!place.may_go()) {
    co_await place.woken().async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void Rounds::begin_soon() {
  if (std::exchange(comes_, true)) return;
  asio::post(loop_, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) begin();
  });
}

void Rounds::begin() {
  comes_ = false;
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    auto& lane = it->second;
    lane.begun = 0;
    for (auto& waiting : lane.waiting) {
      if (lane.begun == kOfEach) break;
      if (std::exchange(waiting.may_go, true)) continue;
      waiting.woken.cancel();
      ++lane.begun;
    }
    it = lane.waiting.empty() && lane.begun == 0 ? lanes_.erase(it) : std::next(it);
  }
  if (!lanes_.empty()) begin_soon();
}

}  // namespace aivault::server
