#include "cli/mcp_calls.h"

#include <algorithm>
#include <utility>

namespace aivault::cli {
namespace {

constexpr std::size_t kAtOnce = 16;
constexpr std::size_t kMaxWaiting = 1024;

}  // namespace

McpCalls::~McpCalls() {
  {
    const std::scoped_lock lock(guard_);
    stopped_ = true;
    waiting_.clear();
    for (const auto& call : running_) call->cancel.cancel();
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool McpCalls::start(std::string key, Work work) {
  auto call = std::make_shared<Call>();
  call->key = std::move(key);
  call->work = std::move(work);
  const std::scoped_lock lock(guard_);
  if (waiting_.size() >= kMaxWaiting) return false;
  waiting_.push_back(std::move(call));
  if (idle_ < waiting_.size() && threads_.size() < kAtOnce) {
    threads_.emplace_back([this] { serve(); });
  }
  changed_.notify_one();
  return true;
}

void McpCalls::cancel(const std::string& key) {
  const std::scoped_lock lock(guard_);
  std::erase_if(waiting_, [&](const auto& call) { return call->key == key; });
  for (const auto& call : running_) {
    if (call->key == key) call->cancel.cancel();
  }
}

bool McpCalls::knows(const std::string& key) {
  const auto is_it = [&](const auto& call) { return call->key == key; };
  const std::scoped_lock lock(guard_);
  return std::ranges::any_of(waiting_, is_it) || std::ranges::any_of(running_, is_it);
}

void McpCalls::serve() {
  std::unique_lock lock(guard_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    --idle_;
    if (stopped_) return;
    const auto call = waiting_.front();
    waiting_.pop_front();
    running_.push_back(call);
    lock.unlock();
    call->work(call->cancel);
    lock.lock();
    std::erase(running_, call);
  }
}

}  // namespace aivault::cli
