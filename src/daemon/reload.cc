#include "daemon/reload.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "broker/run_on.h"
#include "daemon/effective.h"
#include "platform/peer.h"

namespace aivault::daemon {
namespace {

namespace asio = boost::asio;

// Everything else was used up at the start: sockets are taken, the sandbox is entered, the vault
// is open.
constexpr auto kAppliedMeanwhile = std::to_array<std::string_view>({
    "drain_timeout",
    "idle_exit",
    "limits.calls",
    "limits.calls_per_identity",
    "limits.connections",
    "limits.connections_per_uid",
    "limits.websocket_message",
    "log_level",
});

bool is_applied_meanwhile(std::string_view key) {
  return std::ranges::find(kAppliedMeanwhile, key) != kAppliedMeanwhile.end();
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
  return text.empty() ? "none" : text;
}

json::Value list_of(const std::vector<std::string>& names) {
  auto list = json::Value::array();
  for (const auto& name : names) list.push(name);
  return list;
}

audit::Event event_of_daemon() {
  audit::Event event;
  event.actor = "daemon";
  event.uid = ::geteuid();
  event.user = platform::user_name(::geteuid());
  event.pid = ::getpid();
  return event;
}

audit::Event event_of(admin::Actor who) {
  audit::Event event;
  event.actor = "operator";
  event.uid = who.uid;
  event.user = std::move(who.user);
  event.pid = who.pid;
  event.exe = std::move(who.exe);
  event.unit = std::move(who.unit);
  event.request_id = std::move(who.request_id);
  return event;
}

// What was found on the other thread.
struct Found {
  Result<Settings> settings;
  std::string status;
};

}  // namespace

Changes changes_between(const KeyValues& in_force, const KeyValues& wanted) {
  Changes changes;
  for (const auto& [key, value] : wanted) {
    const auto present = in_force.find(key);
    if (present != in_force.end() && present->second == value) continue;
    (is_applied_meanwhile(key) ? changes.applied : changes.need_restart).push_back(key);
  }
  return changes;
}

Reload::Reload(Configuration configuration, Parts parts)
    : parts_(std::move(parts)),
      read_(std::move(configuration.read)),
      in_force_(std::move(configuration.in_force)),
      files_(std::move(configuration.files)) {}

asio::awaitable<Result<json::Value>> Reload::answer(admin::Actor who) {
  auto event = event_of(std::move(who));
  const auto changes = co_await run(std::move(event));
  if (!changes) co_return invalid_request("record_invalid", changes.error().message);
  co_return json::Value::object(
      {{"changed", list_of(changes->applied)}, {"restartNeeded", list_of(changes->need_restart)}});
}

void Reload::on_hangup() {
  hung_up_again_ = true;
  if (serving_hangups_) return;
  serving_hangups_ = true;
  asio::co_spawn(parts_.loop, serve_hangups(), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

asio::awaitable<void> Reload::serve_hangups() {
  while (std::exchange(hung_up_again_, false)) {
    auto event = event_of_daemon();
    (void)co_await run(std::move(event));  // The log has told it.
  }
  serving_hangups_ = false;
}

asio::awaitable<Result<Changes>> Reload::run(audit::Event who) {
  parts_.manager.tell_reloading();
  auto work = [this]() -> Found {
    if (const auto reopened = parts_.log.reopen(); !reopened) {
      parts_.log.warn("log.not_reopened", {{"reason", reopened.error().message}});
    }
    if (const auto vault = parts_.slot.peek()) vault->reopen_mirror();
    auto settings = read_();
    return {std::move(settings), parts_.retry_vault()};
  };
  const auto found = co_await broker::run_on(parts_.reader, std::move(work));
  parts_.manager.tell("READY=1\nSTATUS=" + found.status);
  if (!found.settings) {
    parts_.log.error("daemon.reload_refused",
                     {{"reason", found.settings.error().message},
                      {"effect", "the former configuration stays in force"}});
    co_return fail(found.settings.error());
  }
  auto changes = take_over(*found.settings);
  parts_.log.info("daemon.reload", {{"by", who.actor}, {"changed", listed(changes.applied)}});
  if (!changes.need_restart.empty()) {
    parts_.log.warn("daemon.restart_needed", {{"keys", listed(changes.need_restart)}});
  }
  const auto vault = parts_.is_recorded ? parts_.slot.peek() : nullptr;
  if (vault && !changes.applied.empty()) {
    who.kind = "daemon.reload";
    who.note = "changed " + listed(changes.applied);
    vault->record(std::move(who), [](const Result<void>&) {});
  }
  co_return changes;
}

Changes Reload::take_over(const Settings& settings) {
  const auto wanted = effective_keys(settings);
  Changes changes;
  {
    const std::lock_guard lock(guard_);
    changes = changes_between(in_force_, wanted);
    for (const auto& key : changes.applied) in_force_[key] = wanted.at(key);
    files_ = settings.configuration_files;
  }
  if (!changes.applied.empty()) parts_.apply(settings);
  return changes;
}

admin::ConfigurationState Reload::state() const {
  const auto built_in = effective_keys(Settings());
  const auto read = read_();
  const std::lock_guard lock(guard_);
  admin::ConfigurationState state;
  state.files = files_;
  for (const auto& [key, value] : in_force_) {
    // Where it listens is said elsewhere.
    const bool is_place = key == "socket" || key == "shared_socket";
    if (!is_place && built_in.at(key) != value) state.in_force.push_back(key + " = " + value);
  }
  if (!read) {
    state.problem = read.error().message;
    return state;
  }
  auto changes = changes_between(in_force_, effective_keys(*read));
  state.to_reload = std::move(changes.applied);
  state.to_restart = std::move(changes.need_restart);
  return state;
}

}  // namespace aivault::daemon
