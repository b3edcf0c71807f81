#include "broker/running_calls.h"

#include <iterator>
#include <utility>

namespace aivault::broker {

struct RunningCalls::Ticket::Counts {
  std::size_t running = 0;
  std::uint64_t finished = 0;
  std::unordered_map<std::int64_t, std::size_t> of_uid;
  std::list<Running> calls;
};

RunningCalls::RunningCalls() : counts_(std::make_shared<Ticket::Counts>()) {}

RunningCalls::Ticket RunningCalls::begin(std::int64_t uid) {
  ++counts_->running;
  ++counts_->of_uid[uid];
  return {counts_, uid};
}

std::size_t RunningCalls::running() const { return counts_->running; }
std::uint64_t RunningCalls::finished() const { return counts_->finished; }

std::vector<RunningCalls::Running> RunningCalls::decided() const {
  std::vector<Running> calls;
  for (const auto& call : counts_->calls) {
    if (call.claim) calls.push_back(call);
  }
  return calls;
}

void RunningCalls::Ticket::rest_on(std::shared_ptr<const Claim> claim) {
  place_->claim = std::move(claim);
}

RunningCalls::Ticket::Ticket(std::shared_ptr<Counts> counts, std::int64_t uid)
    : counts_(std::move(counts)), uid_(uid) {
  counts_->calls.push_back({nullptr, std::make_shared<upstream::Withdrawal>()});
  place_ = std::prev(counts_->calls.end());
}

RunningCalls::Ticket::~Ticket() {
  if (!counts_) return;
  counts_->calls.erase(place_);
  --counts_->running;
  ++counts_->finished;
  const auto mine = counts_->of_uid.find(uid_);
  if (--mine->second == 0) counts_->of_uid.erase(mine);
}

std::size_t RunningCalls::Ticket::running_of_caller() const { return counts_->of_uid.at(uid_); }

}  // namespace aivault::broker
