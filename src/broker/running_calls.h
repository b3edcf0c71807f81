// RunningCalls: how many calls are in flight, in all and for each caller.
// Thread: the event loop. A ticket may outlive the broker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace aivault::broker {

class RunningCalls {
 public:
  class Ticket {
   public:
    Ticket(Ticket&&) noexcept = default;
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket();
    std::size_t running_of_caller() const;  // This one included.

   private:
    friend class RunningCalls;
    struct Counts;
    Ticket(std::shared_ptr<Counts> counts, std::int64_t uid);
    std::shared_ptr<Counts> counts_;
    std::int64_t uid_;
  };

  RunningCalls();
  Ticket begin(std::int64_t uid);
  std::size_t running() const;
  std::uint64_t finished() const;

 private:
  std::shared_ptr<Ticket::Counts> counts_;
};

}  // namespace aivault::broker
