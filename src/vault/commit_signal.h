// CommitSignal: tells the threads behind the writer that something was committed.
// Thread: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace aivault::vault {

class CommitSignal {
 public:
  struct Seen {
    std::uint64_t commits = 0, seals = 0;
  };
  void committed(bool sealed) {
    {
      const std::lock_guard lock(guard_);
      ++now_.commits;
      now_.seals += sealed ? 1 : 0;
    }
    changed_.notify_all();
  }
  void stop() {
    {
      const std::lock_guard lock(guard_);
      stopped_ = true;
    }
    changed_.notify_all();
  }
  // Returns after a commit (or a seal only) that `seen` does not know, after `timeout`, or at the
  // end; true: go on.
  enum class For : std::uint8_t { commits, seals };
  bool wait(Seen& seen, For what, std::chrono::milliseconds timeout) {
    std::unique_lock lock(guard_);
    changed_.wait_for(lock, timeout, [&] {
      return stopped_ || now_.seals != seen.seals ||
             (what == For::commits && now_.commits != seen.commits);
    });
    seen = now_;
    return !stopped_;
  }
  bool is_stopped() {
    const std::lock_guard lock(guard_);
    return stopped_;
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  Seen now_;
  bool stopped_ = false;
};

}  // namespace aivault::vault
