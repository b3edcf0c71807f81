#include "metrics/metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <stdexcept>

namespace aivault::metrics {
namespace {

enum class Kind : std::uint8_t {
  counter,
  gauge,
  histogram,
  fine_histogram,  // Of what takes less than a millisecond when all is well.
};

struct Family {
  Name is;
  std::string_view name;
  Kind kind;
  std::string_view help;
  std::array<std::string_view, 3> labels = {};
};
constexpr auto kFamilies = std::to_array<Family>({
    {Name::build_info, "aivault_build_info", Kind::gauge, "Version of the daemon", {"version"}},
    {Name::start_time_seconds,
     "aivault_start_time_seconds",
     Kind::gauge,
     "When the daemon started (Unix time)"},
    {Name::cpu_seconds, "process_cpu_seconds_total", Kind::counter, "CPU time, user and system"},
    {Name::resident_memory_bytes, "process_resident_memory_bytes", Kind::gauge, "Resident memory"},
    {Name::open_fds, "process_open_fds", Kind::gauge, "Open descriptors"},
    {Name::max_fds, "process_max_fds", Kind::gauge, "Limit of descriptors"},
    {Name::calls,
     "aivault_calls_total",
     Kind::counter,
     "Calls that have ended, or were refused",
     {"capability", "outcome", "class"}},
    {Name::calls_in_flight, "aivault_calls_in_flight", Kind::gauge, "Calls under way", {"kind"}},
    {Name::call_seconds,
     "aivault_call_seconds",
     Kind::histogram,
     "From the start record of a call to its end",
     {"kind"}},
    {Name::call_overhead_seconds,
     "aivault_call_overhead_seconds",
     Kind::fine_histogram,
     "The daemon's own part of an answered call, up to its head"},
    {Name::call_bytes,
     "aivault_call_bytes_total",
     Kind::counter,
     "Bytes of bodies to and from upstreams",
     {"direction"}},
    {Name::scrub_hits,
     "aivault_scrub_hits_total",
     Kind::counter,
     "Places in answers where a secret was replaced"},
    {Name::blocklist_hits,
     "aivault_blocklist_hits_total",
     Kind::counter,
     "Places in answers where text of a blocklist was replaced"},
    {Name::denials,
     "aivault_denials_total",
     Kind::counter,
     "Requests that were refused",
     {"code", "reason"}},
    {Name::rate_limited,
     "aivault_rate_limited_total",
     Kind::counter,
     "What was refused because a limit had no room",
     {"scope"}},
    {Name::approvals_pending, "aivault_approvals_pending", Kind::gauge, "Calls that wait for one"},
    {Name::approvals,
     "aivault_approvals_total",
     Kind::counter,
     "Calls that waited for an approval, by its result",
     {"result"}},
    {Name::operator_denied,
     "aivault_operator_denied_total",
     Kind::counter,
     "Operator requests of others"},
    {Name::upstream_connections,
     "aivault_upstream_connections",
     Kind::gauge,
     "Connections to upstreams",
     {"state"}},
    {Name::upstream_connects,
     "aivault_upstream_connects_total",
     Kind::counter,
     "New connections to upstreams, by how that went",
     {"result"}},
    {Name::upstream_seconds,
     "aivault_upstream_seconds",
     Kind::histogram,
     "How long upstreams took",
     {"phase"}},
    {Name::dns_seconds, "aivault_dns_seconds", Kind::histogram, "How long names took to resolve"},
    {Name::oauth_refresh,
     "aivault_oauth_refresh_total",
     Kind::counter,
     "Requests for a token of a credential",
     {"result"}},
    {Name::oauth_logins,
     "aivault_oauth_logins_total",
     Kind::counter,
     "Logins that have ended",
     {"result"}},
    {Name::connections,
     "aivault_connections",
     Kind::gauge,
     "Open connections of callers",
     {"socket"}},
    {Name::connections_refused,
     "aivault_connections_refused_total",
     Kind::counter,
     "Connections turned away",
     {"reason"}},
    {Name::accept_pauses,
     "aivault_accept_pauses_total",
     Kind::counter,
     "Pauses of accepting because descriptors or memory ran out"},
    {Name::http_errors,
     "aivault_http_errors_total",
     Kind::counter,
     "Errors that the daemon itself answered",
     {"status"}},
    {Name::operator_requests,
     "aivault_operator_requests_total",
     Kind::counter,
     "Requests of operators",
     {"route"}},
    {Name::buffer_bytes, "aivault_buffer_bytes", Kind::gauge, "Bytes of requests that are held"},
    {Name::buffer_limit_bytes, "aivault_buffer_limit_bytes", Kind::gauge, "At most that many"},
    {Name::loop_lag_seconds,
     "aivault_loop_lag_seconds",
     Kind::gauge,
     "How long the event loop took to come to this request's next step"},
    {Name::store_queue, "aivault_store_queue", Kind::gauge, "Operations that wait or run"},
    {Name::log_dropped,
     "aivault_log_dropped_total",
     Kind::counter,
     "Lines of the log beyond 100 a second, which were not written"},
    {Name::hardening,
     "aivault_hardening",
     Kind::gauge,
     "Layers of the daemon's protection: 1 is on",
     {"layer"}},
    {Name::audit_rows,
     "aivault_audit_rows_total",
     Kind::counter,
     "Records that this daemon has written",
     {"kind"}},
    {Name::audit_commit_seconds,
     "aivault_audit_commit_seconds",
     Kind::fine_histogram,
     "How long commits of records took, many records in one"},
    {Name::audit_writable,
     "aivault_audit_writable",
     Kind::gauge,
     "1: the last record was written, and there is room for more"},
    {Name::audit_mirror_lag_rows,
     "aivault_audit_mirror_lag_rows",
     Kind::gauge,
     "Records that the mirror does not have yet"},
    {Name::vault_locked, "aivault_vault_locked", Kind::gauge, "1: locked, or not there"},
    {Name::vault_writable, "aivault_vault_writable", Kind::gauge, "1: changes can be written"},
    {Name::secrets, "aivault_secrets", Kind::gauge, "Live secrets", {"scope"}},
    {Name::secrets_due,
     "aivault_secrets_due",
     Kind::gauge,
     "Secrets that need their owner",
     {"reason"}},
    {Name::credentials, "aivault_credentials", Kind::gauge, "Credentials", {"state"}},
    {Name::records_damaged,
     "aivault_records_damaged",
     Kind::gauge,
     "Rows of the catalog that are damaged or malformed"},
    {Name::tokens, "aivault_tokens", Kind::gauge, "Proxy tokens at rest"},
    {Name::agents, "aivault_agents", Kind::gauge, "Agent records"},
});

constexpr auto kBounds = std::to_array<double>(
    {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300});
constexpr auto kFineBounds = std::to_array<double>(
    {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10});
constexpr std::string_view kOther = "other";
constexpr std::size_t kMaxLabel = 128;  // Ids are shorter.

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kFamilies.size(); ++i) {
    if (static_cast<std::size_t>(kFamilies.at(i).is) != i) return false;
  }
  return true;
}
static_assert(is_in_order(), "kFamilies follows Name");

const Family& family_of(Name name) { return kFamilies.at(static_cast<std::size_t>(name)); }

std::span<const std::string_view> labels_of(const Family& family) {
  const auto end = std::ranges::find(family.labels, std::string_view());
  return {family.labels.begin(), end};
}

std::string_view text_of(Kind kind) {
  switch (kind) {
    case Kind::counter: return "counter";
    case Kind::gauge: return "gauge";
    case Kind::histogram:
    case Kind::fine_histogram: break;
  }
  return "histogram";
}

// Of a histogram; empty: it is none.
std::span<const double> bounds_of(Kind kind) {
  switch (kind) {
    case Kind::histogram: return kBounds;
    case Kind::fine_histogram: return kFineBounds;
    case Kind::counter:
    case Kind::gauge: break;
  }
  return {};
}

void append_label(std::string_view name, std::string_view value, std::string& text) {
  if (!text.empty()) text += ',';
  text.append(name).append("=\"");
  for (const char c : value.substr(0, kMaxLabel)) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  text += '"';
}

std::string number(double value) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() ? std::string(digits.data(), end) : "0";
}

std::string joined(const std::string& labels, const std::string& more) {
  return labels.empty() || more.empty() ? labels + more : labels + ',' + more;
}

void append_line(std::string_view name,
                 std::string_view suffix,
                 const std::string& labels,
                 const std::string& value,
                 std::string& text) {
  text.append(name).append(suffix);
  if (!labels.empty()) text.append("{").append(labels).append("}");
  text.append(" ").append(value).append("\n");
}

}  // namespace

Metrics::Series& Metrics::series(Name name, Labels labels) {
  const auto& family = family_of(name);
  const auto names = labels_of(family);
  if (names.size() != labels.size()) throw std::logic_error("labels of a metric");
  std::string key;
  std::size_t at = 0;
  for (const auto label : labels) append_label(names[at++], label, key);
  auto& all = families_[name];
  if (const auto found = all.find(key); found != all.end()) return found->second;
  if (size_ >= kMaxSeries && labels.size() > 0) {
    key.clear();
    for (const auto label : names) append_label(label, kOther, key);
  }
  const auto [found, is_new] = all.try_emplace(key);
  if (is_new) ++size_;
  if (is_new) found->second.buckets.resize(bounds_of(family.kind).size());
  return found->second;
}

void Metrics::add(Name name, Labels labels, double change) {
  const std::scoped_lock lock(mutex_);
  series(name, labels).value += change;
}

void Metrics::set(Name name, double value, Labels labels) {
  const std::scoped_lock lock(mutex_);
  series(name, labels).value = value;
}

void Metrics::observe(Name name, double value, Labels labels) {
  const std::scoped_lock lock(mutex_);
  auto& found = series(name, labels);
  found.value += value;
  ++found.count;
  const auto bounds = bounds_of(family_of(name).kind);
  const auto bound = std::ranges::lower_bound(bounds, value);
  if (bound == bounds.end()) return;
  ++found.buckets.at(static_cast<std::size_t>(bound - bounds.begin()));
}

std::string Metrics::text() const {
  const std::scoped_lock lock(mutex_);
  std::string text;
  for (const auto& [name, all] : families_) {
    const auto& family = family_of(name);
    text.append("# HELP ").append(family.name).append(" ").append(family.help).append("\n");
    text.append("# TYPE ").append(family.name).append(" ").append(text_of(family.kind));
    text += '\n';
    const auto bounds = bounds_of(family.kind);
    for (const auto& [labels, one] : all) {
      if (bounds.empty()) {
        append_line(family.name, "", labels, number(one.value), text);
        continue;
      }
      std::uint64_t below = 0;
      for (std::size_t i = 0; i < bounds.size(); ++i) {
        below += one.buckets[i];
        const auto bound = "le=\"" + number(bounds[i]) + "\"";
        append_line(family.name, "_bucket", joined(labels, bound), std::to_string(below), text);
      }
      append_line(
          family.name, "_bucket", joined(labels, "le=\"+Inf\""), std::to_string(one.count), text);
      append_line(family.name, "_sum", labels, number(one.value), text);
      append_line(family.name, "_count", labels, std::to_string(one.count), text);
    }
  }
  return text;
}

}  // namespace aivault::metrics
