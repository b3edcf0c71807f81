#include "broker/body_stage.h"

#include <algorithm>
#include <utility>

#include "base/wipe.h"

namespace aivault::broker {

BodyChain::~BodyChain() {
  for (auto& held : between_) wipe(held);
}

bool BodyChain::keeps_bytes() const {
  return std::ranges::all_of(stages_, [](const auto& stage) { return stage->keeps_bytes(); });
}

Result<void> BodyChain::feed_from(std::size_t first, std::string_view in, std::string& out) {
  for (auto at = first; at < stages_.size(); ++at) {
    if (in.empty()) return {};
    if (at + 1 == stages_.size()) return stages_[at]->feed(in, out);
    auto& next = between_[at % between_.size()];
    next.clear();
    TRY(stages_[at]->feed(in, next));
    in = next;
  }
  out += in;
  return {};
}

Result<void> BodyChain::feed(std::string_view in, std::string& out) {
  return feed_from(0, in, out);
}

Result<void> BodyChain::finish(std::string& out) {
  for (std::size_t at = 0; at < stages_.size(); ++at) {
    std::string rest;
    auto finished = stages_[at]->finish(rest);
    if (finished) finished = feed_from(at + 1, rest, out);
    wipe(rest);
    TRY(finished);
  }
  return {};
}

Replaced BodyChain::replaced() const {
  Replaced all;
  for (const auto& stage : stages_) {
    const auto one = stage->replaced();
    all.scrubbed += one.scrubbed;
    all.blocked += one.blocked;
  }
  return all;
}

std::string BodyChain::note() const {
  std::string all;
  for (const auto& stage : stages_) {
    const auto one = stage->note();
    if (one.empty()) continue;
    if (!all.empty()) all += ", ";
    all += one;
  }
  return all;
}

}  // namespace aivault::broker
