#include "daemon/settings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "daemon/config_file.h"
#include "daemon/duration.h"
#include "daemon/octal_mode.h"
#include "platform/users.h"

namespace aivault::daemon {
namespace {

constexpr gid_t kNoGroup = 65534;  // Of an owner without an entry.

tl::unexpected<Error> start_error(std::string message) {
  return vault_unavailable("internal", std::move(message));
}
tl::unexpected<Error> invalid(std::string_view name, std::string_view value) {
  return start_error("invalid " + std::string(name) + " '" + quote_for_message(value) + "'");
}

// Bits for everyone are refused, whatever the directory lets in.
Result<mode_t> mode_from(const std::optional<std::string>& text,
                         std::string_view name,
                         mode_t otherwise,
                         mode_t allowed) {
  if (!text) return otherwise;
  const auto mode = parse_octal_mode(*text);
  if (!mode) return invalid(name, *text);
  if ((*mode & S_IRWXO) != 0) return start_error("refusing a socket open to everyone");
  if ((*mode & ~allowed) != 0) return invalid(name, *text);
  return *mode;
}

Result<Development> read_development(const platform::Environment& environment) {
  Development development;
#ifdef AIVAULT_DEV_OVERRIDES
  development.names = environment.development_variables();
  constexpr std::size_t kMaxCaFile = std::size_t{1} << 20U;
  if (const auto text = environment.text("AIVAULT_DEV_RESOLVE")) {
    TRY_ASSIGN(development.addresses, upstream::parse_dev_resolve(*text));
  }
  if (const auto path = environment.path("AIVAULT_DEV_CA_CERT_PATH")) {
    std::ifstream file(*path, std::ios::binary);
    development.ca_pem.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || development.ca_pem.empty() || development.ca_pem.size() > kMaxCaFile) {
      return invalid("AIVAULT_DEV_CA_CERT_PATH", *path);
    }
  }
  development.allow_non_default_ports = environment.flag("AIVAULT_DEV_ALLOW_NON_DEFAULT_PORTS");
  development.allow_remote_clients = environment.flag("AIVAULT_DEV_ALLOW_REMOTE_CLIENTS");
  development.secret_echo = environment.flag("AIVAULT_DEV_ALLOW_SECRET_ECHO");
#else
  const auto names = environment.development_variables();
  if (!names.empty()) return start_error(names.front() + " is disabled in release builds");
#endif
  return development;
}

// Where a variable counts before a file.
struct Sources {
  const Arguments& arguments;
  const platform::Environment& environment;
  const Configuration& files;

  std::optional<std::string> text(std::string_view variable) const {
    return files.text(environment, variable);
  }
  std::optional<std::string> path(std::string_view variable) const {
    return files.path(environment, variable);
  }
};

Result<void> read_modes(Settings& settings, const Sources& from) {
  auto& socket = settings.is_shared() ? settings.agent_socket_mode : settings.socket_mode;
  auto& directory = settings.is_shared() ? settings.agent_directory_mode : settings.directory_mode;
  constexpr auto kSocket = "AIVAULTD_SOCKET_MODE";
  constexpr auto kDirectory = "AIVAULTD_SOCKET_DIR_MODE";
  TRY_ASSIGN(socket, mode_from(from.text(kSocket), kSocket, socket, 0770));
  // A directory that a group can write is not safe for a socket.
  TRY_ASSIGN(directory, mode_from(from.text(kDirectory), kDirectory, directory, 02750));
  return {};
}

Result<void> choose_sockets(Settings& settings, const Sources& from) {
  const auto& [arguments, environment, files] = from;
  const auto& user_socket = settings.places.user_socket;
  const auto given =
      arguments.socket ? std::optional(environment.absolute(*arguments.socket)) : std::nullopt;
  const auto named = from.path("AIVAULTD_SOCKET");
  if (!arguments.shared && !files.shared.value_or(false)) {
    settings.socket = given.value_or(named.value_or(user_socket));
    return {};
  }
  // --socket is where agents connect; the operator keeps the own place.
  settings.agent_socket = given.value_or(settings.places.shared_socket);
  settings.socket = named.value_or(user_socket);
  if (settings.socket == settings.agent_socket) settings.socket = user_socket;
  if (settings.socket == settings.agent_socket) {
    return start_error("'" + settings.agent_socket + "' is the operator's socket; choose another " +
                       "path for the shared one");
  }
  return {};
}

Result<void> read_listen(Settings& settings, const Sources& from) {
  const auto& given = from.arguments.listen;
  const auto place = given ? given : from.text("AIVAULTD_LISTEN");
  settings.listen_origins = from.files.listen_origins.value_or(settings.listen_origins);
  if (!place) return {};
  TRY_ASSIGN(settings.listen, parse_tcp_place(*place));
  return {};
}

void read_limits(Settings& settings, const Configuration& files) {
  auto& limits = settings.limits;
  limits.connections = files.connections.value_or(limits.connections);
  limits.connections_per_uid = files.connections_per_uid.value_or(limits.connections_per_uid);
  limits.calls = files.calls.value_or(limits.calls);
  limits.calls_per_identity = files.calls_per_identity.value_or(limits.calls_per_identity);
  limits.memory = files.memory.value_or(limits.memory);
  limits.websocket_message = files.websocket_message.value_or(limits.websocket_message);
  settings.drain_timeout = files.drain_timeout.value_or(settings.drain_timeout);
}

Result<void> read_sandbox(Settings& settings, const Configuration& files) {
  auto& sandbox = settings.sandbox;
  sandbox.enforced = files.enforces_sandbox.value_or(true);
  sandbox.required = files.requires_sandbox.value_or(false);
  sandbox.readable = files.readable.value_or(sandbox.readable);
  sandbox.writable = files.writable.value_or(sandbox.writable);
  if (sandbox.required && !sandbox.enforced) {
    return start_error("sandbox.require and sandbox.mode = \"off\" exclude each other");
  }
  return {};
}

// None of these is for a private child, which works for one command.
Result<void> read_service(Settings& settings, const Sources& from) {
  settings.places.shared_socket =
      from.path("AIVAULTD_SHARED_SOCKET").value_or(settings.places.shared_socket);
  TRY(choose_sockets(settings, from));
  TRY(read_modes(settings, from));
  TRY(read_listen(settings, from));
  TRY(read_sandbox(settings, from.files));
  read_limits(settings, from.files);
  return {};
}

Result<void> read_log_level(Settings& settings, const Sources& from) {
  const bool is_child = settings.private_child;
  if (is_child) settings.log_level = platform::LogLevel::warn;
  const auto text = is_child ? from.environment.text("AIVAULTD_LOG") : from.text("AIVAULTD_LOG");
  if (!text) return {};
  const auto level = platform::parse_log_level(*text);
  if (!level) return invalid("AIVAULTD_LOG", *text);
  settings.log_level = *level;
  return {};
}

Result<void> read_idle_exit(Settings& settings, const Sources& from) {
  const auto text = from.text("AIVAULTD_IDLE_EXIT");
  if (!text) return {};
  const auto idle_exit = parse_duration(*text);
  if (!idle_exit) return invalid("AIVAULTD_IDLE_EXIT", *text);
  settings.idle_exit = *idle_exit;
  return {};
}

Result<void> check_combination(const Arguments& arguments) {
  if (arguments.stdio && arguments.socket) {
    return start_error("--stdio and --socket exclude each other");
  }
  if (arguments.stdio && arguments.shared) {
    return start_error("--stdio and --shared exclude each other");
  }
  if (arguments.stdio && arguments.listen) {
    return start_error("--stdio and --listen exclude each other");
  }
  if (arguments.stdio && arguments.once)
    return start_error("--stdio and --once exclude each other");
  if (!arguments.stdio && !(arguments.allow_read.empty() && arguments.allow_write.empty())) {
    return start_error("--allow-read and --allow-write need --stdio");
  }
  return {};
}

Result<void> read_audit(Settings& settings, const Sources& from) {
  const auto durability = from.text("AIVAULT_AUDIT_DURABILITY").value_or("batched");
  if (durability == "strict") {
    settings.vault.durability = vault::Durability::strict;
  } else if (durability != "batched") {
    return invalid("AIVAULT_AUDIT_DURABILITY", durability);
  }
  settings.vault.audit_mirror = from.path("AIVAULT_AUDIT_MIRROR").value_or("");
  return {};
}

}  // namespace

Result<Settings> read_settings(const Arguments& arguments,
                               const platform::Environment& environment) {
  Settings settings;
  TRY(check_combination(arguments));
  TRY_ASSIGN(auto files, read_configuration(environment, arguments.config));
  settings.configuration_files = files.files;
  settings.configuration_places = files.places;
  const Sources from{arguments, environment, files};
  TRY(read_audit(settings, from));
  TRY_ASSIGN(settings.places, platform::find_places(environment));
  settings.once = arguments.once;
  settings.private_child = arguments.stdio;
  if (!settings.private_child) {
    TRY(read_service(settings, from));
  }
  TRY(read_idle_exit(settings, from));
  TRY(read_log_level(settings, from));
  settings.require_locked_memory = files.flag(environment, "AIVAULTD_REQUIRE_MLOCK");
  settings.supervised = environment.text("NOTIFY_SOCKET").has_value() && !settings.private_child;
  settings.vault.location = {settings.places.vault_root, settings.places.default_key_file};
  if (environment.flag("AIVAULT_DISABLE_DISK_LOGS")) {
    settings.vault.call_records = vault::CallRecords::disabled;
  }
  return settings;
}

Result<Settings> make_settings(const Arguments& arguments,
                               const platform::Environment& environment) {
  TRY_ASSIGN(auto settings, read_settings(arguments, environment));
  TRY_ASSIGN(settings.development, read_development(environment));
  return settings;
}

Result<std::optional<int>> ready_descriptor(const platform::Environment& environment) {
  const auto text = environment.text("AIVAULTD_READY_FD");
  if (!text) return std::optional<int>();
  int descriptor = -1;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), descriptor);
  if (error != std::errc() || end != text->data() + text->size() || descriptor <= 2) {
    return invalid("AIVAULTD_READY_FD", *text);
  }
  return std::optional(descriptor);
}

Result<std::optional<platform::Identity>> check_owner(const Settings& settings) {
  struct stat status{};
  if (::geteuid() != 0 || ::stat(settings.places.vault_root.c_str(), &status) != 0 ||
      status.st_uid == 0) {
    return std::optional<platform::Identity>();
  }
  const auto owner = platform::user_of(status.st_uid);
  if (settings.private_child) {
    // A vault that root begins in another user's place would be at that user's mercy.
    struct stat database{};
    const auto path = settings.places.vault_root + "/vault.db";
    if (::lstat(path.c_str(), &database) != 0 || database.st_uid != status.st_uid) {
      return start_error("'" + settings.places.vault_root + "' belongs to uid " +
                         std::to_string(status.st_uid) + "; create the vault as that user");
    }
    const auto group = owner && owner->gid > 0 ? static_cast<gid_t>(owner->gid) : kNoGroup;
    return std::optional(platform::Identity{status.st_uid, group});
  }
  return start_error("run aivaultd as '" + (owner ? owner->name : std::to_string(status.st_uid)) +
                     "'");
}

}  // namespace aivault::daemon
