#include "daemon/serve.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "admin/desk.h"
#include "base/version.h"
#include "broker/broker.h"
#include "catalog/approvals.h"
#include "catalog/catalog.h"
#include "daemon/daily_check.h"
#include "daemon/greeting.h"
#include "daemon/lifecycle.h"
#include "daemon/look_around.h"
#include "daemon/parent_door.h"
#include "daemon/report.h"
#include "daemon/unlock_timer.h"
#include "daemon/watchdog.h"
#include "platform/hardening.h"
#include "server/server.h"
#include "tokens/notices.h"
#include "upstream/client.h"

namespace aivault::daemon {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kUnwinding{200};
constexpr std::size_t kOwnDescriptors = 32;  // Not for connections: database, log, loop.

upstream::Client::Options client_options(const Development& development,
                                         metrics::Metrics& metrics) {
  upstream::Client::Options options;
  options.metrics = &metrics;
  options.dev_ca_pem = development.ca_pem;
  options.resolver.dev_addresses = development.addresses;
  return options;
}

broker::Broker::Limits call_limits(const ServiceLimits& limits, std::size_t max_descriptors) {
  return {.calls = std::min(limits.calls, (max_descriptors - kOwnDescriptors) / 4),
          .calls_per_uid = limits.calls_per_identity,
          .socket_message = limits.websocket_message};
}

server::Server::Limits connection_limits(const ServiceLimits& limits, std::size_t max_descriptors) {
  return {.connections = std::min(limits.connections, (max_descriptors - kOwnDescriptors) / 2),
          .connections_per_uid = limits.connections_per_uid};
}

broker::Broker::Options broker_options(const Settings& settings, std::size_t max_descriptors) {
  const auto& development = settings.development;
  broker::Broker::Options options;
  options.version = version();
  options.limits = call_limits(settings.limits, max_descriptors);
  options.secret_echo = development.secret_echo;
  options.allow_remote_clients = development.allow_remote_clients;
  options.allow_non_default_ports = development.allow_non_default_ports;
  options.is_reached_by_operators = !settings.private_child;
  return options;
}

server::Server::Options server_options(const Settings& settings,
                                       const Sockets& sockets,
                                       std::size_t max_descriptors) {
  server::Server::Options options;
  const auto& limits = settings.limits;
  options.limits = connection_limits(limits, max_descriptors);
  options.memory.total = limits.memory;
  options.memory.of_uid = limits.memory / 2;
  options.allowed_origins = settings.listen_origins;
  options.daemon_uid = ::geteuid();
  // Requests that name paths come from an operator's one command.
  options.private_child = settings.private_child && !passes_connections(sockets);
  return options;
}

void describe_process(metrics::Metrics& metrics) {
  using Seconds = std::chrono::duration<double>;
  const Seconds since_epoch = std::chrono::system_clock::now().time_since_epoch();
  metrics.set(metrics::Name::build_info, 1, {version()});
  metrics.set(metrics::Name::start_time_seconds, since_epoch.count());
}

admin::DaemonFacts daemon_facts(const Settings& settings,
                                const Sockets& sockets,
                                bool autostarted,
                                const platform::Log& log) {
  admin::DaemonFacts facts;
  facts.version = version();
  facts.socket = settings.socket;
  facts.pid = ::getpid();
  facts.uid = ::geteuid();
  facts.autostarted = autostarted;
  facts.shared = settings.is_shared();
  if (!sockets.tcp.empty()) facts.listen = sockets.tcp.front().place.text();
  facts.listen_origins = settings.listen_origins;
  facts.private_child = settings.private_child;
  facts.development = settings.development.names;
  facts.memory_locked = platform::read_hardening().memory_locked;
  facts.config_user_socket = settings.places.user_socket;
  facts.config_shared_socket = settings.places.shared_socket;
  Supervisor supervisor = Supervisor::none;
  if (settings.supervised) supervisor = Supervisor::systemd;
  if (autostarted) supervisor = Supervisor::autostart;
  if (settings.private_child) supervisor = Supervisor::stdio;
  const bool enforced = settings.private_child || settings.sandbox.enforced;
  facts.hardening = [supervisor, enforced] { return hardening_report(supervisor, enforced); };
  facts.log_dropped = [&log] { return log.dropped(); };
  return facts;
}

// Nobody decides any more.
void cancel_approvals(catalog::Approvals& approvals) {
  using catalog::Approvals;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  for (const auto& entry : approvals.list(Approvals::Which::pending, now)) {
    // One that is decided or gone at this moment needs no cancelling.
    (void)approvals.decide(entry.id, Approvals::State::cancelled, "the daemon ended", now);
  }
}

Lifecycle::Options lifecycle_options(const Settings& settings,
                                     const Sockets& sockets,
                                     vault::Slot& slot,
                                     const ServiceManager& manager,
                                     catalog::Approvals& approvals,
                                     Reload& reload) {
  Lifecycle::Options options;
  if (settings.once) options.kind = Lifecycle::Kind::once;
  if (settings.private_child) options.kind = Lifecycle::Kind::private_child;
  if (passes_connections(sockets)) options.kind = Lifecycle::Kind::private_daemon;
  options.idle_exit = settings.idle_exit;
  options.drain_timeout = settings.drain_timeout;
  options.supervised = settings.supervised;
  options.shared = settings.is_shared();
  // Nobody else has the passphrase that was entered here.
  options.is_needed = [&slot] { return slot.is_unlocked(); };
  options.while_draining = [&approvals] { cancel_approvals(approvals); };
  options.on_hangup = [&reload] { reload.on_hangup(); };
  options.on_drain = [&manager] { manager.tell("STOPPING=1"); };
  return options;
}

// A vault that does not exist yet is no error: the first use makes it.
Result<void> open_existing(vault::Slot& slot,
                           Greeting& greeting,
                           const Settings& settings,
                           const Readiness& readiness,
                           platform::Log& log) {
  auto vault = slot.get();
  if (vault) {
    greeting.greet(**vault);
    return {};
  }
  if (vault.error().reason == "vault_locked") {
    log.info("vault.locked", {{"unlock", "aivault unlock"}});
    return {};
  }
  // The one command of a private child gets the error as its answer.
  if (vault.error().reason == "not_initialised" || settings.private_child) return {};
  // Who waits for us would only find a socket that cannot serve.
  if (readiness.is_awaited()) return fail(std::move(vault).error());
  log.warn("vault.unavailable",
           {{"reason", vault.error().reason}, {"message", vault.error().message}});
  return {};
}

// For whoever looks at the service; names nothing.
std::string status_line(vault::Slot& slot) {
  const auto vault = slot.get();
  if (vault) return "serving";
  const auto& reason = vault.error().reason;
  if (reason == "not_initialised") return "serving; there is no vault yet";
  if (reason == "vault_locked") return "serving; the vault is locked";
  return "serving; the vault cannot be opened (" + reason + ")";
}

}  // namespace

Result<int> serve(const Settings& settings,
                  Reload::Configuration configuration,
                  Sockets& sockets,
                  const ServiceManager& manager,
                  Readiness& readiness,
                  platform::Log& log,
                  std::size_t max_descriptors) {
  asio::io_context loop(1);
  asio::thread_pool operators(1);
  asio::thread_pool slow_operations(1);
  asio::thread_pool patient_operations(1);
  asio::thread_pool urgent_operations(1);
  metrics::Metrics metrics;
  describe_process(metrics);
  auto for_client = client_options(settings.development, metrics);
  TRY_ASSIGN(auto client, upstream::Client::create(loop.get_executor(), std::move(for_client)));
  auto for_vault = settings.vault;
  for_vault.metrics = &metrics;
  vault::Slot slot(std::move(for_vault));
  TRY_ASSIGN(const auto timer, UnlockTimer::start(slot));
  catalog::Catalog catalog;
  const auto record = settings.private_child ? Greeting::Record::no : Greeting::Record::yes;
  Greeting greeting(slot,
                    log,
                    record,
                    {.version = std::string(version()),
                     .listeners = settings.is_shared() ? "operator agent" : "operator"});
  TRY(open_existing(slot, greeting, settings, readiness, log));

  std::function<void(const Settings&)> take_over;
  Reload reload(std::move(configuration),
                {.loop = loop.get_executor(),
                 .reader = operators.get_executor(),
                 .slot = slot,
                 .manager = manager,
                 .log = log,
                 .is_recorded = !settings.private_child,
                 .retry_vault = [&slot] { return status_line(slot); },
                 .apply = [&take_over](const Settings& wanted) { take_over(wanted); }});
  auto facts =
      daemon_facts(settings, sockets, readiness.is_awaited() && !settings.is_shared(), log);
  facts.configuration = [&reload] { return reload.state(); };
  look_around(facts, loop, *client);
  tokens::Notices notices;
  admin::Desk desk{slot, catalog, facts, &notices};
  auto for_broker = broker_options(settings, max_descriptors);
  for_broker.notices = &notices;
  for_broker.metrics = &metrics;
  broker::Broker broker(loop.get_executor(), slot, catalog, *client, std::move(for_broker));
  facts.last_own_call = [&broker] { return broker.last_own_call(); };
  slot.on_lock([&] { asio::post(loop, [&broker] { broker.forget_secrets(); }); });
  Lifecycle lifecycle(
      loop,
      log,
      sockets.claims(),
      lifecycle_options(settings, sockets, slot, manager, catalog.approvals(), reload));
  auto hooks = lifecycle.hooks();
  hooks.on_reload = [&reload](admin::Actor who) { return reload.answer(std::move(who)); };
  hooks.on_connections = [&, inner = std::move(hooks.on_connections)](std::size_t open) {
    greeting.greet_if_open(operators.get_executor());
    inner(open);
  };
  auto for_server = server_options(settings, sockets, max_descriptors);
  for_server.metrics = &metrics;
  server::Server server(loop.get_executor(),
                        {operators.get_executor(),
                         slow_operations.get_executor(),
                         patient_operations.get_executor(),
                         urgent_operations.get_executor()},
                        desk,
                        broker,
                        for_server,
                        std::move(hooks));
  take_over = [&](const Settings& wanted) {
    log.set_level(wanted.log_level);
    lifecycle.set_times(wanted.idle_exit, wanted.drain_timeout);
    broker.set_limits(call_limits(wanted.limits, max_descriptors));
    server.set_limits(connection_limits(wanted.limits, max_descriptors));
  };
  lifecycle.begin(server, broker);
  for (auto& each : sockets.listening) server.listen(each.take(), each.door);
  for (auto& each : sockets.tcp) server.listen_tcp(std::move(each.socket), each.place.port);
  std::optional<ParentDoor> parent_door;
  if (passes_connections(sockets)) {
    parent_door.emplace(
        loop,
        log,
        std::move(sockets.parent->socket),
        ParentDoor::Hooks{[&server](auto connected) { server.serve(std::move(connected)); },
                          [&lifecycle] { lifecycle.parent_ended(); }});
    parent_door->begin();
  } else if (sockets.parent) {
    server.serve(std::move(sockets.parent->socket));
  }
  std::optional<DailyCheck> daily_check;
  if (!settings.private_child) daily_check.emplace(slot, log);
  log.info("daemon.ready",
           {{"version", std::string(version())},
            {"pid", std::to_string(::getpid())},
            {"socket", settings.socket},
            {"agent_socket", settings.is_shared() ? settings.agent_socket : "none"}});
  readiness.tell_ready();
  manager.tell("READY=1\nSTATUS=" + status_line(slot));
  Watchdog watchdog(loop, urgent_operations.get_executor(), slot, manager);
  watchdog.begin();
  loop.run();

  parent_door.reset();
  watchdog.stop();

  slot.stop();
  if (daily_check) daily_check->stop();
  const auto pools =
      std::to_array({&operators, &slow_operations, &patient_operations, &urgent_operations});
  for (auto* pool : pools) pool->stop();
  for (auto* pool : pools) pool->join();
  greeting.take_leave(lifecycle.reason());
  slot.close();
  log.info("daemon.stop", {{"reason", lifecycle.reason()}});
  // What was broken off unwinds here, while everything that it refers to still exists.
  client->close_idle();
  loop.restart();
  loop.run_for(kUnwinding);
  // Something that cannot be broken off (a name look-up in the system's resolver) still runs; its
  // memory goes with the process, the vault is closed.
  if (!loop.stopped()) {
    log.warn("daemon.unfinished", {{"effect", "something could not be broken off"}});
    std::_Exit(lifecycle.exit_status());
  }
  return lifecycle.exit_status();
}

}  // namespace aivault::daemon
