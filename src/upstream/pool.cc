#include "upstream/pool.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace aivault::upstream {

namespace asio = boost::asio;

Pool::Lease::Lease(std::weak_ptr<Pool> pool, std::string key)
    : pool_(std::move(pool)), key_(std::move(key)) {}

Pool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, {})), key_(std::move(other.key_)) {}

Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
  Lease taken(std::move(other));
  std::swap(pool_, taken.pool_);
  std::swap(key_, taken.key_);
  return *this;
}

Pool::Lease::~Lease() {
  if (const auto pool = pool_.lock()) pool->release(key_);
}

std::unique_ptr<HttpsConnection> Pool::Lease::take() {
  const auto pool = pool_.lock();
  return pool ? pool->take(key_) : nullptr;
}

void Pool::Lease::keep(std::unique_ptr<HttpsConnection> connection) {
  const Lease ended(std::move(*this));
  if (const auto pool = ended.pool_.lock()) pool->keep(ended.key_, std::move(connection));
}

Pool::Pool(const asio::any_io_executor& executor,
           std::chrono::milliseconds idle,
           std::size_t max_idle)
    : executor_(executor), idle_(idle), max_idle_(max_idle), sweeper_(executor) {}

asio::awaitable<Result<Pool::Lease>> Pool::acquire(std::string key, Deadlines& deadlines) {
  auto& slot = slots_[key];
  if (slot.leases < kMaxPerKey) {
    ++slot.leases;
    co_return Lease(weak_from_this(), std::move(key));
  }
  const auto waiter = std::make_shared<Waiter>(executor_);
  slot.waiters.push_back(waiter);
  deadlines.begin(Deadlines::Limit::first_byte);
  deadlines.on_expiry([weak = std::weak_ptr(waiter)] {
    if (const auto waiting = weak.lock()) waiting->granted.cancel();
  });
  co_await waiter->granted.async_wait(asio::as_tuple(asio::use_awaitable));
  deadlines.on_expiry(nullptr);
  deadlines.end(Deadlines::Limit::first_byte);
  if (waiter->has_lease) co_return Lease(weak_from_this(), std::move(key));
  std::erase(slots_[key].waiters, waiter);
  forget_if_unused(key);
  co_return fail(deadlines.explain(Error{ErrorCode::upstream_unreachable,
                                         "connection_lost",
                                         "the call was cancelled before it was sent",
                                         0}));
}

std::unique_ptr<HttpsConnection> Pool::take(const std::string& key) {
  auto& idle = slots_[key].idle;
  const auto oldest = Clock::now() - idle_;
  while (!idle.empty()) {
    auto last = std::move(idle.back());
    idle.pop_back();
    if (last.since >= oldest && last.connection->is_quiet()) return std::move(last.connection);
  }
  return nullptr;
}

void Pool::keep(const std::string& key, std::unique_ptr<HttpsConnection> connection) {
  if (!connection->is_quiet()) return;
  const auto now = Clock::now();
  slots_[key].idle.push_back({std::move(connection), now});
  if (idle_count() > max_idle_) close_oldest();
  sweep_at(now + idle_);
}

void Pool::release(const std::string& key) {
  auto& slot = slots_[key];
  if (slot.waiters.empty()) {
    --slot.leases;
    forget_if_unused(key);
    return;
  }
  const auto next = slot.waiters.front();
  slot.waiters.pop_front();
  next->has_lease = true;
  next->granted.cancel();
}

void Pool::forget_if_unused(const std::string& key) {
  const auto found = slots_.find(key);
  if (found == slots_.end()) return;
  if (found->second.is_unused()) slots_.erase(found);
}

void Pool::close_oldest() {
  const auto age = [](const auto& entry) {
    const auto& idle = entry.second.idle;  // The oldest one first.
    return idle.empty() ? Clock::time_point::max() : idle.front().since;
  };
  const auto oldest = std::ranges::min_element(slots_, {}, age);
  if (oldest == slots_.end() || oldest->second.idle.empty()) return;
  oldest->second.idle.erase(oldest->second.idle.begin());
  if (oldest->second.is_unused()) slots_.erase(oldest);
}

void Pool::sweep_at(Clock::time_point when) {
  if (sweeping_) return;  // An earlier sweep sets the next one.
  sweeping_ = true;
  sweeper_.expires_at(when);
  sweeper_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (const auto pool = weak.lock(); pool && !error) pool->sweep();
  });
}

void Pool::sweep() {
  sweeping_ = false;
  const auto now = Clock::now();
  auto next = Clock::time_point::max();
  for (auto entry = slots_.begin(); entry != slots_.end();) {
    auto& slot = entry->second;
    std::erase_if(slot.idle, [&](const Idle& idle) { return idle.since + idle_ <= now; });
    for (const auto& idle : slot.idle) next = std::min(next, idle.since + idle_);
    entry = slot.is_unused() ? slots_.erase(entry) : std::next(entry);
  }
  if (next != Clock::time_point::max()) sweep_at(next);
}

void Pool::close_idle() {
  for (auto entry = slots_.begin(); entry != slots_.end();) {
    entry->second.idle.clear();
    entry = entry->second.is_unused() ? slots_.erase(entry) : std::next(entry);
  }
  sweeper_.cancel();
  sweeping_ = false;
}

std::size_t Pool::idle_count() const {
  std::size_t count = 0;
  for (const auto& [key, slot] : slots_) count += slot.idle.size();
  return count;
}

}  // namespace aivault::upstream
