#include "daemon/daily_check.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace aivault::daemon {
namespace {

constexpr int kLowestPriority = 19;
constexpr std::size_t kMaxNamed = 20;

}  // namespace

DailyCheck::DailyCheck(vault::Slot& slot, platform::Log& log, std::chrono::milliseconds interval)
    : slot_(slot), log_(log), interval_(interval) {
  thread_ = std::thread([this] { run(); });
}

void DailyCheck::stop() {
  {
    const std::lock_guard lock(guard_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// False: it is over.
bool DailyCheck::wait() {
  std::unique_lock lock(guard_);
  return !stopped_.wait_for(lock, interval_, [this] { return stopping_.load(); });
}

void DailyCheck::run() {
  // Of this thread alone, as Linux has it; it is as well if it stays like the others.
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowestPriority);
  while (wait()) {
    if (const auto vault = slot_.peek()) check(*vault);
  }
}

void DailyCheck::check(vault::Vault& vault) {
  const auto found = vault.check_everything([this] { return !stopping_; });
  if (!found) {
    if (stopping_) return;
    log_.warn("vault.not_checked",
              {{"reason", found.error().reason}, {"message", found.error().message}});
    return;
  }
  if (found->empty()) return log_.info("vault.checked", {{"result", "ok"}});
  for (std::size_t i = 0; i < std::min(found->size(), kMaxNamed); ++i) {
    log_.error("vault.integrity_failed", {{"message", (*found)[i].message}});
  }
  if (found->size() > kMaxNamed) {
    log_.error("vault.integrity_failed", {{"more", std::to_string(found->size() - kMaxNamed)}});
  }
}

}  // namespace aivault::daemon
