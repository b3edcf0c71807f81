// Tally: what calls add to the metrics: ends, refusals, approvals. Counts nothing if there are no
// metrics.
// Thread: the event loop.
#pragma once

#include <cstdint>
#include <string_view>

#include "audit/event.h"
#include "broker/body_stage.h"
#include "metrics/metrics.h"

namespace aivault::broker {

enum class CallKind : std::uint8_t { call, stream, websocket };

class Tally {
 public:
  explicit Tally(metrics::Metrics* metrics = nullptr) : metrics_(metrics) {}

  void began(CallKind kind) const;
  // A call turns out to be of another kind while it is under way.
  void became(CallKind before, CallKind kind) const;
  void left(CallKind kind) const;
  // `call_class`: "read", "write", "destructive"; empty: not known.
  void ended(const audit::Event& event, CallKind kind, std::string_view call_class) const;
  // Without what the upstream, the caller and the operator took.
  void answered(double own_seconds) const;
  void replaced(const Replaced& hits) const;
  // By which limit: "capability", "agent" (of a rate), "identity", "total" (of calls at once).
  void limited(std::string_view scope) const;
  // `capability`: of a known one; empty: none that is.
  void refused(const audit::Event& event,
               std::string_view capability,
               std::string_view call_class) const;
  void approval(std::string_view result) const;

 private:
  metrics::Metrics* metrics_;
};

}  // namespace aivault::broker
