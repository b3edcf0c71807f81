#include "broker/running_calls.h"

#include <utility>

namespace aivault::broker {

struct RunningCalls::Ticket::Counts {
  std::size_t running = 0;
  std::uint64_t finished = 0;
  std::unordered_map<std::int64_t, std::size_t> of_uid;
};

RunningCalls::RunningCalls() : counts_(std::make_shared<Ticket::Counts>()) {}

RunningCalls::Ticket RunningCalls::begin(std::int64_t uid) {
  ++counts_->running;
  ++counts_->of_uid[uid];
  return {counts_, uid};
}

std::size_t RunningCalls::running() const { return counts_->running; }
std::uint64_t RunningCalls::finished() const { return counts_->finished; }

RunningCalls::Ticket::Ticket(std::shared_ptr<Counts> counts, std::int64_t uid)
    : counts_(std::move(counts)), uid_(uid) {}

RunningCalls::Ticket::~Ticket() {
  if (!counts_) return;
  --counts_->running;
  ++counts_->finished;
  const auto mine = counts_->of_uid.find(uid_);
  if (--mine->second == 0) counts_->of_uid.erase(mine);
}

std::size_t RunningCalls::Ticket::running_of_caller() const { return counts_->of_uid.at(uid_); }

}  // namespace aivault::broker
