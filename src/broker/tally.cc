#include "broker/tally.h"

namespace aivault::broker {
namespace {

using metrics::Name;

constexpr std::string_view kOther = "other";
constexpr double kMsPerSecond = 1000;

std::string_view name_of(CallKind kind) {
  switch (kind) {
    case CallKind::call: return "call";
    case CallKind::stream: return "stream";
    case CallKind::websocket: break;
  }
  return "websocket";
}

std::string_view or_other(std::string_view text) { return text.empty() ? kOther : text; }

}  // namespace

void Tally::began(CallKind kind) const {
  if (metrics_ != nullptr) metrics_->add(Name::calls_in_flight, {name_of(kind)});
}

void Tally::left(CallKind kind) const {
  if (metrics_ != nullptr) metrics_->add(Name::calls_in_flight, {name_of(kind)}, -1);
}

void Tally::became(CallKind before, CallKind kind) const {
  left(before);
  began(kind);
}

void Tally::ended(const audit::Event& event, CallKind kind, std::string_view call_class) const {
  if (metrics_ == nullptr) return;
  metrics_->add(Name::calls, {or_other(event.capability), event.outcome, or_other(call_class)});
  const auto ms = static_cast<double>(event.duration_ms.value_or(0));
  metrics_->observe(Name::call_seconds, ms / kMsPerSecond, {name_of(kind)});
  const auto up = static_cast<double>(event.request_bytes.value_or(0));
  const auto down = static_cast<double>(event.response_bytes.value_or(0));
  metrics_->add(Name::call_bytes, {"request"}, up);
  metrics_->add(Name::call_bytes, {"response"}, down);
}

void Tally::refused(const audit::Event& event,
                    std::string_view capability,
                    std::string_view call_class) const {
  if (metrics_ == nullptr) return;
  metrics_->add(Name::denials, {event.code, event.reason});
  if (event.kind == "operator.denied") {
    metrics_->add(Name::operator_denied);
    return;
  }
  metrics_->add(Name::calls, {or_other(capability), "denied", or_other(call_class)});
}

void Tally::answered(double own_seconds) const {
  if (metrics_ != nullptr) metrics_->observe(Name::call_overhead_seconds, own_seconds);
}

void Tally::replaced(const Replaced& hits) const {
  if (metrics_ == nullptr) return;
  if (hits.scrubbed > 0) metrics_->add(Name::scrub_hits, {}, static_cast<double>(hits.scrubbed));
  if (hits.blocked > 0) metrics_->add(Name::blocklist_hits, {}, static_cast<double>(hits.blocked));
}

void Tally::limited(std::string_view scope) const {
  if (metrics_ != nullptr) metrics_->add(Name::rate_limited, {scope});
}

void Tally::approval(std::string_view result) const {
  if (metrics_ != nullptr) metrics_->add(Name::approvals, {result});
}

}  // namespace aivault::broker
