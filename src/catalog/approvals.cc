#include "catalog/approvals.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "crypto/sha256.h"

namespace aivault::catalog {
namespace {

constexpr std::ptrdiff_t kMaxOfOne = 8;
constexpr std::size_t kMaxWaiting = 64;
constexpr std::size_t kMaxPast = 512;
constexpr std::chrono::hours kKept(24);

tl::unexpected<Error> not_pending(std::string_view id) {
  return invalid_request("changed", "approval '" + quote_for_message(id, 64) + "' is not pending");
}

}  // namespace

std::string_view to_string(Approvals::State state) {
  switch (state) {
    case Approvals::State::pending: break;
    case Approvals::State::approved: return "approved";
    case Approvals::State::denied: return "denied";
    case Approvals::State::expired: return "expired";
    case Approvals::State::cancelled: return "cancelled";
  }
  return "pending";
}

Result<void> Approvals::ask(std::string id,
                            Asked asked,
                            UnixMs now,
                            std::chrono::milliseconds patience,
                            std::function<void(State)> decided) {
  const std::scoped_lock lock(guard_);
  const auto mine = std::ranges::count_if(
      waiting_, [&](const Waiting& waiting) { return waiting.entry.asked.uid == asked.uid; });
  if (mine >= kMaxOfOne || waiting_.size() >= kMaxWaiting) {
    return fail(
        Error{ErrorCode::policy_violation, "approval_queue_full", "too many pending approvals", 1});
  }
  Entry entry;
  entry.id = std::move(id);
  entry.body_size = static_cast<std::int64_t>(asked.body.size());
  if (!asked.body.empty()) entry.body_sha256 = crypto::sha256_hex(asked.body);
  entry.asked = std::move(asked);
  entry.created_at = now;
  entry.expires_at = now + patience;
  waiting_.push_back({std::move(entry), std::move(decided)});
  return {};
}

std::size_t Approvals::place_of(std::string_view id) const {
  const auto found = std::ranges::find_if(
      waiting_, [id](const Waiting& waiting) { return waiting.entry.id == id; });
  return static_cast<std::size_t>(found - waiting_.begin());
}

void Approvals::settle(std::size_t at, State how, UnixMs now) {
  auto entry = std::move(waiting_[at].entry);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(at));
  entry.state = how;
  entry.decided_at = now;
  entry.asked.body.clear();
  entry.asked.headers.clear();
  past_.push_back(std::move(entry));
  if (past_.size() > kMaxPast) past_.pop_front();
}

Approvals::State Approvals::end(std::string_view id, State how, UnixMs now) {
  const std::scoped_lock lock(guard_);
  const auto at = place_of(id);
  if (at < waiting_.size()) {
    settle(at, how, now);
    return how;
  }
  const auto past = std::ranges::find(past_, id, &Entry::id);
  return past == past_.end() ? State::cancelled : past->state;
}

Result<Approvals::Entry> Approvals::find_pending(std::string_view id) const {
  const std::scoped_lock lock(guard_);
  const auto at = place_of(id);
  if (at == waiting_.size()) return not_pending(id);
  return waiting_[at].entry;
}

Result<Approvals::Entry> Approvals::decide(std::string_view id,
                                           State how,
                                           std::string reason,
                                           UnixMs now) {
  std::function<void(State)> decided;
  Entry entry;
  {
    const std::scoped_lock lock(guard_);
    const auto at = place_of(id);
    if (at == waiting_.size()) return not_pending(id);
    waiting_[at].entry.reason = std::move(reason);
    decided = std::move(waiting_[at].decided);
    settle(at, how, now);
    entry = past_.back();
  }
  decided(how);
  return entry;
}

std::vector<Approvals::Entry> Approvals::list(Which which, UnixMs now) const {
  const std::scoped_lock lock(guard_);
  std::vector<Entry> entries;
  if (which == Which::all) {
    std::ranges::copy_if(past_, std::back_inserter(entries), [now](const Entry& entry) {
      return now - entry.created_at <= kKept;
    });
  }
  for (const auto& waiting : waiting_) entries.push_back(waiting.entry);
  std::ranges::sort(entries, {}, &Entry::created_at);
  return entries;
}

}  // namespace aivault::catalog
