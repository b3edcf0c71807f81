#include "server/outcomes.h"

#include <utility>

namespace aivault::server {
namespace {

constexpr auto kKept = std::chrono::minutes(5);
constexpr std::size_t kMaxEnded = 10'000;  // About 2 MiB.

json::Value error_object(const Error& error) {
  auto object = json::Value::object();
  object.set("error", to_string(error.code)).set("message", error.message);
  if (!error.reason.empty()) object.set("reason", error.reason);
  return object;
}

}  // namespace

void Outcomes::begin(const std::string& id, std::int64_t uid) { entries_[id].uid = uid; }

void Outcomes::end(const std::string& id, Progress progress, Clock::time_point now) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.progress = std::move(progress);
  found->second.progress.done = true;
  ended_.push_back({id, now + kKept});
  forget(now);
}

void Outcomes::forget(Clock::time_point now) {
  while (!ended_.empty() && (ended_.front().forget_at <= now || ended_.size() > kMaxEnded)) {
    entries_.erase(ended_.front().id);
    ended_.pop_front();
  }
}

std::optional<json::Value> Outcomes::find(const std::string& id,
                                          std::int64_t uid,
                                          Clock::time_point now) {
  forget(now);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.uid != uid) return std::nullopt;
  const auto& progress = found->second.progress;
  auto object = json::Value::object();
  object.set("bytesIn", static_cast<std::int64_t>(progress.bytes_in));
  object.set("bytesOut", static_cast<std::int64_t>(progress.bytes_out));
  object.set("error", progress.error ? error_object(*progress.error) : json::Value());
  object.set("outcome",
             !progress.done ? json::Value() : json::Value(progress.error ? "error" : "ok"));
  object.set("requestId", id);
  object.set("state", progress.done ? "done" : "running");
  object.set("status", progress.status ? json::Value(*progress.status) : json::Value());
  return object;
}

}  // namespace aivault::server
