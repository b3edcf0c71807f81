// patience: how long one program of ours waits for another one of ours that starts or leaves.
// A build with sanitizers is several times slower, and is tested on machines that do much else:
// there the limit that is right for a release would fail what only takes longer. Thread: any.
#pragma once

#include <chrono>

#include "base/version.h"

namespace aivault {

constexpr std::chrono::seconds patience(std::chrono::seconds of_release) {
  constexpr int kTimes = kHonoursDevelopmentVariables ? 6 : 1;
  return of_release * kTimes;
}

}  // namespace aivault
