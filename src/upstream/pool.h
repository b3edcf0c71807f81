// Pool: idle connections by key, and the limit on how many a key may have.
// Thread: the event loop. A lease may outlive the pool.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/result.h"
#include "upstream/deadlines.h"
#include "upstream/https_connection.h"

namespace aivault::upstream {

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  static constexpr std::size_t kMaxPerKey = 64;

  // Idle connections are closed after `idle`, and the oldest one when they exceed `max_idle`.
  Pool(const boost::asio::any_io_executor& executor,
       std::chrono::milliseconds idle,
       std::size_t max_idle);

  // The right to one connection; given back on destruction.
  class Lease {
   public:
    Lease() = default;
    Lease(std::weak_ptr<Pool> pool, std::string key);
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    // An idle connection that is fit for use; nullptr: open one.
    std::unique_ptr<HttpsConnection> take();
    // For the next call; ends the lease.
    void keep(std::unique_ptr<HttpsConnection> connection);

   private:
    std::weak_ptr<Pool> pool_;
    std::string key_;
  };

  // Waits while the key has all the connections it may have.
  boost::asio::awaitable<Result<Lease>> acquire(std::string key, Deadlines& deadlines);

  void close_idle();
  std::size_t idle_count() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Idle {
    std::unique_ptr<HttpsConnection> connection;
    Clock::time_point since;
  };
  struct Waiter {
    explicit Waiter(const boost::asio::any_io_executor& executor)
        : granted(executor, Clock::time_point::max()) {}
    boost::asio::steady_timer granted;
    bool has_lease = false;
  };
  struct Slot {
    std::size_t leases = 0;
    std::vector<Idle> idle;  // The most recently used one last.
    std::deque<std::shared_ptr<Waiter>> waiters;
    bool is_unused() const { return leases == 0 && idle.empty() && waiters.empty(); }
  };

  std::unique_ptr<HttpsConnection> take(const std::string& key);
  void keep(const std::string& key, std::unique_ptr<HttpsConnection> connection);
  void release(const std::string& key);
  void forget_if_unused(const std::string& key);
  void close_oldest();
  void sweep_at(Clock::time_point when);
  void sweep();

  boost::asio::any_io_executor executor_;
  std::chrono::milliseconds idle_;
  std::size_t max_idle_;
  std::unordered_map<std::string, Slot> slots_;
  boost::asio::steady_timer sweeper_;
  bool sweeping_ = false;
};

}  // namespace aivault::upstream
