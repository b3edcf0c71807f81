// BodyStage: one step on the way of an answer's body to the caller: count it, replace in it, scrub
// it. A BodyChain runs one behind the other; what lies between two steps is wiped.
// Thread: the event loop. Errors: those of the steps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aivault::broker {

// How often something was replaced.
struct Replaced {
  std::uint64_t scrubbed = 0, blocked = 0;
};

class BodyStage {
 public:
  BodyStage() = default;
  virtual ~BodyStage() = default;
  BodyStage(const BodyStage&) = delete;
  BodyStage& operator=(const BodyStage&) = delete;

  // Appends to `out` what may go on of what it held and of `in`.
  virtual Result<void> feed(std::string_view in, std::string& out) = 0;
  virtual Result<void> finish(std::string& out) = 0;  // The body has ended.
  virtual bool keeps_bytes() const { return false; }  // It only looks; what goes in comes out.
  // What it has to say about the call once it is over, for the record; empty: nothing.
  virtual std::string note() const { return {}; }
  virtual Replaced replaced() const { return {}; }  // So far.
};

class BodyChain {
 public:
  ~BodyChain();
  BodyChain() = default;
  BodyChain(const BodyChain&) = delete;
  BodyChain& operator=(const BodyChain&) = delete;

  void add(std::unique_ptr<BodyStage> stage) { stages_.push_back(std::move(stage)); }
  bool empty() const { return stages_.empty(); }
  bool keeps_bytes() const;
  Result<void> feed(std::string_view in, std::string& out);
  Result<void> finish(std::string& out);
  std::string note() const;
  Replaced replaced() const;

 private:
  Result<void> feed_from(std::size_t first, std::string_view in, std::string& out);

  std::vector<std::unique_ptr<BodyStage>> stages_;
  std::array<std::string, 2> between_;  // From one stage to the next, in turn.
};

}  // namespace aivault::broker
