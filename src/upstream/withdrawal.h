// Withdrawal: ends a call from outside, for a reason that becomes the call's.
// Thread: the event loop.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "base/error.h"

namespace aivault::upstream {

class Withdrawal {
 public:
  // Interrupts whatever the call waits for. The first reason stays.
  void withdraw(Error why) {
    if (why_) return;
    why_ = std::move(why);
    if (const auto call = std::exchange(interrupt_, nullptr)) call();
  }
  const std::optional<Error>& why() const { return why_; }
  // What to do then; replaces the former one. Called at most once, at once if it is too late.
  void on_withdrawal(std::function<void()> interrupt) {
    if (why_ && interrupt) return interrupt();
    interrupt_ = std::move(interrupt);
  }

 private:
  std::optional<Error> why_;
  std::function<void()> interrupt_;
};

}  // namespace aivault::upstream
