// Progress: how much of something long is done, on stderr, for people only.
// Thread: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/session.h"

namespace aivault::cli {

class Progress {
 public:
  Progress(Session& session, std::string what) : session_(session), what_(std::move(what)) {}
  // Says nothing in the first second, and then at most four times a second.
  void at(std::uint64_t bytes);
  void finish();  // The line goes away.

 private:
  Session& session_;
  std::string what_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point said_ = begin_;
  bool has_spoken_ = false;
};

}  // namespace aivault::cli
