// MemoryBudget: how many bytes of requests and WebSockets may be held at once, by everybody and by
// one uid, so that no caller can fill the memory of the daemon by sending.
// Thread: the event loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/result.h"
#include "metrics/metrics.h"

namespace aivault::server {

class MemoryBudget {
 public:
  struct Limits {
    std::size_t total = std::size_t{128} << 20U;
    std::size_t of_uid = std::size_t{64} << 20U;
    std::size_t operator_reserve = std::size_t{8} << 20U;  // Of the total.
  };
  MemoryBudget() : MemoryBudget(Limits{}) {}
  // `metrics`: what counts refusals; nullptr: nothing.
  explicit MemoryBudget(Limits limits, metrics::Metrics* metrics = nullptr)
      : limits_(limits), metrics_(metrics) {}
  std::size_t held() const { return held_; }

  // What one request holds; given back at its end.
  class Share {
   public:
    Share(MemoryBudget& budget, std::int64_t uid, bool is_operator)
        : budget_(budget), uid_(uid), is_operator_(is_operator) {}
    ~Share() { shrink_to(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // From now on `bytes` in all. Errors: policy_violation concurrency_limit; nothing changes.
    Result<void> hold(std::size_t bytes);

   private:
    void shrink_to(std::size_t bytes);

    MemoryBudget& budget_;
    std::int64_t uid_;
    bool is_operator_;
    std::size_t held_ = 0;
  };

 private:
  Limits limits_;
  metrics::Metrics* metrics_;
  std::size_t held_ = 0;
  std::unordered_map<std::int64_t, std::size_t> of_uid_;
};

}  // namespace aivault::server
