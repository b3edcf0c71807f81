// RunningHash: BLAKE2b-256 under a random key of its own, fed piece by piece: two passes over the
// same pieces are compared without keeping them, and nothing of a secret piece can be told from it.
// Thread: one object belongs to one thread.
#pragma once

#include <memory>
#include <string_view>

#include "base/secret.h"
#include "crypto/hash.h"

namespace aivault::crypto {

class RunningHash {
 public:
  RunningHash();
  // Empty, and under the same key as `other`.
  static RunningHash like(const RunningHash& other);
  RunningHash(RunningHash&&) noexcept;
  RunningHash& operator=(RunningHash&&) = delete;
  RunningHash(const RunningHash&) = delete;
  RunningHash& operator=(const RunningHash&) = delete;
  ~RunningHash();

  void add(std::string_view piece);  // Its length is part of it.
  void add(const Secret& piece);
  Hash finish();  // Once.

 private:
  struct State;
  explicit RunningHash(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace aivault::crypto
