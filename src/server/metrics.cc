// GET /metrics: what was counted, and how things stand at this moment.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "broker/run_on.h"
#include "server/turn.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;
using metrics::Metrics;
using metrics::Name;

double seconds_of(const timeval& time) {
  constexpr double kMicros = 1e6;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / kMicros;
}

void add_process(Metrics& now) {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    now.add(Name::cpu_seconds, {}, seconds_of(used.ru_utime) + seconds_of(used.ru_stime));
  }
  long pages = 0;  // NOLINT(google-runtime-int): the stream's own type does not matter.
  std::ifstream statm("/proc/self/statm");
  if (statm >> pages >> pages) {
    now.set(Name::resident_memory_bytes, static_cast<double>(pages * ::sysconf(_SC_PAGESIZE)));
  }
  std::error_code error;
  std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
  double open = -1;  // Without the one that lists them.
  for (; !error && descriptors != std::filesystem::directory_iterator();
       descriptors.increment(error)) {
    ++open;
  }
  if (!error) now.set(Name::open_fds, open);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    now.set(Name::max_fds, static_cast<double>(limit.rlim_cur));
  }
}

void add_layer(const json::Value& report,
               std::string_view layer,
               std::string_view on,
               Metrics& now) {
  const auto* state = report.find(layer);
  if (state != nullptr && state->is(json::Kind::object)) state = state->find("state");
  if (state == nullptr) return;
  const bool is_on = state->is(json::Kind::string)    ? state->text() == on
                     : state->is(json::Kind::boolean) ? state->boolean()
                                                      : false;
  now.set(Name::hardening, is_on ? 1 : 0, {layer});
}

void add_hardening(const admin::DaemonFacts& facts, Metrics& now) {
  if (!facts.hardening) return;
  const auto report = facts.hardening();
  for (const auto* layer : {"landlock", "seccomp", "noNewPrivs", "memoryLocked"}) {
    add_layer(report, layer, "on", now);
  }
  add_layer(report, "coreDumps", "off", now);
  add_layer(report, "sandboxMode", "enforce", now);
}

void add_catalog(const catalog::Snapshot& snapshot, Metrics& now) {
  const auto disabled = static_cast<double>(snapshot.disabled_credentials());
  const auto all = static_cast<double>(snapshot.credentials().size());
  now.set(Name::credentials, all - disabled, {"enabled"});
  now.set(Name::credentials, disabled, {"disabled"});
  now.set(Name::records_damaged, static_cast<double>(snapshot.problems().size()));
  now.set(Name::tokens, static_cast<double>(snapshot.access().tokens().size()));
  now.set(Name::agents, static_cast<double>(snapshot.access().agents().size()));
}

void add_secrets(const vault::SecretCounts& counts, Metrics& now) {
  now.set(Name::secrets, static_cast<double>(counts.global), {"global"});
  now.set(Name::secrets, static_cast<double>(counts.workspace), {"workspace"});
  now.set(Name::secrets, static_cast<double>(counts.group), {"group"});
  now.set(Name::secrets_due, static_cast<double>(counts.expired), {"expired"});
  now.set(Name::secrets_due, static_cast<double>(counts.expiring), {"expiring"});
  now.set(Name::secrets_due, static_cast<double>(counts.to_rotate), {"rotation"});
}

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// A locked vault tells nothing else about itself; none is opened for a question.
void add_vault(admin::Desk& desk, admin::SecretTally& secrets, Metrics& now) {
  const auto vault = desk.slot.peek();
  now.set(Name::vault_locked, vault ? 0 : 1);
  if (!vault) return;
  const auto status = vault->status();
  now.set(Name::vault_writable, status.writable ? 1 : 0);
  now.set(Name::audit_writable, status.audit_writable ? 1 : 0);
  if (const auto mirror = vault->mirror_state(); !mirror.path.empty()) {
    now.set(Name::audit_mirror_lag_rows, static_cast<double>(mirror.lag));
  }
  if (const auto counts = secrets.counts(*vault, wall_clock())) add_secrets(*counts, now);
  if (const auto snapshot = desk.catalog.current(*vault)) add_catalog(**snapshot, now);
}

void add_approvals(admin::Desk& desk, Metrics& now) {
  using Which = catalog::Approvals::Which;
  const auto waiting = desk.catalog.approvals().list(Which::pending, wall_clock());
  now.set(Name::approvals_pending, static_cast<double>(waiting.size()));
}

void add_server(const Core& core, Metrics& now) {
  now.set(Name::buffer_bytes, static_cast<double>(core.memory.held()));
  now.set(Name::buffer_limit_bytes, static_cast<double>(core.options.memory.total));
  now.set(Name::store_queue, static_cast<double>(core.operations));
  const auto idle = core.broker.idle_upstreams();
  const auto active = core.broker.open_upstreams() - idle;
  now.set(Name::upstream_connections, static_cast<double>(idle), {"idle"});
  now.set(Name::upstream_connections, static_cast<double>(active), {"active"});
}

}  // namespace

asio::awaitable<void> answer_metrics(Turn& turn) {
  const auto now = std::make_shared<Metrics>();
  add_server(turn.core, *now);
  const auto posted = std::chrono::steady_clock::now();
  co_await asio::post(turn.core.loop, asio::use_awaitable);
  const std::chrono::duration<double> lag = std::chrono::steady_clock::now() - posted;
  now->set(Name::loop_lag_seconds, lag.count());
  auto look = [now, &desk = turn.core.desk, secrets = turn.core.secrets]() -> Result<void> {
    add_process(*now);
    add_hardening(desk.facts, *now);
    if (desk.facts.log_dropped) {
      now->add(Name::log_dropped, {}, static_cast<double>(desk.facts.log_dropped()));
    }
    add_vault(desk, *secrets, *now);
    add_approvals(desk, *now);
    return {};
  };
  auto looked = co_await broker::run_on(turn.core.lanes.quick, std::move(look));
  if (!looked) {
    co_await turn.refuse(std::move(looked).error());
    co_return;
  }
  const auto* counted = turn.core.options.metrics;
  Reply reply;
  reply.type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = (counted != nullptr ? counted->text() : std::string()) + now->text();
  co_await turn.reply(std::move(reply));
}

}  // namespace aivault::server
