#include "daemon/effective.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "json/write.h"

namespace aivault::daemon {
namespace {

using json::Value;

Value list_of(const std::vector<std::string>& texts) {
  auto list = Value::array();
  for (const auto& text : texts) list.push(text);
  return list;
}

Value path_of(const std::string& path) { return path.empty() ? Value() : Value(path); }

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  (void)std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

std::string time_of(std::chrono::milliseconds time) {
  constexpr std::int64_t kSecond = 1000;
  if (time.count() % kSecond != 0) return std::to_string(time.count()) + "ms";
  return std::to_string(time.count() / kSecond) + "s";
}

std::string name_of(platform::LogLevel level) {
  using enum platform::LogLevel;
  switch (level) {
    case error: return "error";
    case warn: return "warn";
    case debug: return "debug";
    case info: break;
  }
  return "info";
}

Value number_of(std::size_t count) { return static_cast<std::int64_t>(count); }

}  // namespace

Value effective_settings(const Settings& settings) {
  const auto& limits = settings.limits;
  const auto& sandbox = settings.sandbox;
  const bool shared = settings.is_shared();
  const bool strict = settings.vault.durability == vault::Durability::strict;
  return Value::object(
      {{"audit_durability", strict ? "strict" : "batched"},
       {"audit_mirror", path_of(settings.vault.audit_mirror)},
       {"drain_timeout", time_of(settings.drain_timeout)},
       {"files", list_of(settings.configuration_files)},
       {"idle_exit", time_of(settings.idle_exit)},
       {"limits",
        Value::object({{"calls", number_of(limits.calls)},
                       {"calls_per_identity", number_of(limits.calls_per_identity)},
                       {"connections", number_of(limits.connections)},
                       {"connections_per_uid", number_of(limits.connections_per_uid)},
                       {"memory", number_of(limits.memory)},
                       {"websocket_message", number_of(limits.websocket_message)}})},
       {"listen", settings.listen ? Value(settings.listen->text()) : Value()},
       {"listen_origins", list_of(settings.listen_origins)},
       {"log_level", name_of(settings.log_level)},
       {"require_mlock", settings.require_locked_memory},
       {"sandbox",
        Value::object({{"mode", sandbox.enforced ? "enforce" : "off"},
                       {"read", list_of(sandbox.readable)},
                       {"require", sandbox.required},
                       {"write", list_of(sandbox.writable)}})},
       {"shared", shared},
       {"shared_socket", path_of(settings.agent_socket)},
       {"socket", path_of(settings.socket)},
       {"socket_dir_mode", octal(shared ? settings.agent_directory_mode : settings.directory_mode)},
       {"socket_mode", octal(shared ? settings.agent_socket_mode : settings.socket_mode)}});
}

std::map<std::string, std::string> effective_keys(const Settings& settings) {
  std::map<std::string, std::string> keys;
  const auto whole = effective_settings(settings);
  for (const auto& member : whole.members()) {
    const std::string name(member.key);
    const auto& value = member.value;
    if (name == "files") continue;
    if (!value.is(json::Kind::object)) {
      keys.emplace(name, json::compact(value, json::Order::as_built));
      continue;
    }
    for (const auto& inner : value.members()) {
      keys.emplace(name + "." + std::string(inner.key),
                   json::compact(inner.value, json::Order::as_built));
    }
  }
  return keys;
}

}  // namespace aivault::daemon
