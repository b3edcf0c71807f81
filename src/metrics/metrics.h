// Metrics: numbers about the daemon as Prometheus reads them (text format 0.0.4): counters, gauges
// and histograms of fixed names. Labels hold ids and words of ours; whatever is counted, there are
// never more than kMaxSeries of them, the rest counts as "other".
// Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace aivault::metrics {

// In the order they are shown; the table in metrics.cc says what each is.
enum class Name : std::uint8_t {
  build_info,
  start_time_seconds,
  cpu_seconds,
  resident_memory_bytes,
  open_fds,
  max_fds,
  calls,
  calls_in_flight,
  call_seconds,
  call_overhead_seconds,
  call_bytes,
  scrub_hits,
  blocklist_hits,
  denials,
  rate_limited,
  approvals_pending,
  approvals,
  operator_denied,
  upstream_connections,
  upstream_connects,
  upstream_seconds,
  dns_seconds,
  oauth_refresh,
  oauth_logins,
  connections,
  connections_refused,
  accept_pauses,
  http_errors,
  operator_requests,
  buffer_bytes,
  buffer_limit_bytes,
  loop_lag_seconds,
  store_queue,
  log_dropped,
  hardening,
  audit_rows,
  audit_commit_seconds,
  audit_writable,
  audit_mirror_lag_rows,
  vault_locked,
  vault_writable,
  secrets,
  secrets_due,
  credentials,
  records_damaged,
  tokens,
  agents,
};

constexpr std::size_t kMaxSeries = 4000;  // Of one Metrics.

class Metrics {
 public:
  using Labels = std::initializer_list<std::string_view>;  // One for each label of the name.
  // Of a counter, or of a gauge that follows what comes and goes.
  void add(Name name, Labels labels = {}, double change = 1);
  // Of a gauge.
  void set(Name name, double value, Labels labels = {});
  // Of a histogram; in seconds.
  void observe(Name name, double value, Labels labels = {});
  // Those that have a value, each with its HELP and TYPE.
  std::string text() const;

 private:
  struct Series {
    double value = 0;  // Of a histogram: the sum.
    std::uint64_t count = 0;
    std::vector<std::uint64_t> buckets;  // Each alone; the text adds them up.
  };
  Series& series(Name name, Labels labels);

  mutable std::mutex mutex_;
  std::map<Name, std::map<std::string, Series>> families_;  // By the text of the labels.
  std::size_t size_ = 0;
};

}  // namespace aivault::metrics
