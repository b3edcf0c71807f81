// RunningCalls: the calls in flight: how many there are, in all and for each caller, and what each
// of them rests on.
// Thread: the event loop. A ticket may outlive the broker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "broker/claim.h"
#include "upstream/withdrawal.h"

namespace aivault::broker {

class RunningCalls {
 public:
  struct Running {
    std::shared_ptr<const Claim> claim;  // nullptr: not decided yet.
    std::shared_ptr<upstream::Withdrawal> withdrawal;
    bool ends_with_lock = false;  // A WebSocket would outlive a lock for ever.
  };

  class Ticket {
   public:
    Ticket(Ticket&&) noexcept = default;
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket();
    std::size_t running_of_caller() const;  // This one included.
    void rest_on(std::shared_ptr<const Claim> claim);
    void end_with_lock() { place_->ends_with_lock = true; }
    const std::shared_ptr<upstream::Withdrawal>& withdrawal() const { return place_->withdrawal; }

   private:
    friend class RunningCalls;
    struct Counts;
    Ticket(std::shared_ptr<Counts> counts, std::int64_t uid);
    std::shared_ptr<Counts> counts_;
    std::int64_t uid_;
    std::list<Running>::iterator place_;
  };

  RunningCalls();
  Ticket begin(std::int64_t uid);
  std::size_t running() const;
  std::uint64_t finished() const;
  std::vector<Running> decided() const;  // Those that rest on something.

 private:
  std::shared_ptr<Ticket::Counts> counts_;
};

}  // namespace aivault::broker
