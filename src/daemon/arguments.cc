#include "daemon/arguments.h"

#include <utility>

#include "base/text.h"

namespace aivault::daemon {
namespace {

UsageError unknown(std::string_view word) {
  return {"unexpected argument '" + quote_for_message(word) + "'"};
}

// Takes the words one after another.
class Reader {
 public:
  explicit Reader(std::span<const std::string_view> words) : words_(words) {}

  Parsed read() {
    while (!words_.empty()) {
      const std::string_view word = words_.front();
      words_ = words_.subspan(1);
      if (word == "-h" || word == "--help") return ShowHelp{};
      if (word == "-V" || word == "--version") return ShowVersion{};
      if (word == "--") return words_.empty() ? result() : unknown(words_.front());
      const auto equals = word.find('=');
      const std::string_view name = word.substr(0, equals);
      std::optional<std::string_view> value;
      if (equals != std::string_view::npos) value = word.substr(equals + 1);
      if (!take(name, value)) return std::move(error_);
    }
    return result();
  }

 private:
  Parsed result() { return std::move(arguments_); }

  bool refuse(std::string what) {
    error_.what = std::move(what);
    return false;
  }

  bool take(std::string_view name, std::optional<std::string_view> value) {
    if (name == "--shared") return take_switch(name, value, arguments_.shared);
    if (name == "--once") return take_switch(name, value, arguments_.once);
    if (name == "--stdio" || name == "--stdio-socket") {
      return take_switch(name, value, arguments_.stdio);
    }
    if (name == "--check-config") return take_switch(name, value, arguments_.checks_config);
    if (name == "--self-test") return take_self_test(value);
    if (name != "--socket" && name != "--listen" && name != "--config" && name != "--allow-read" &&
        name != "--allow-write") {
      return refuse(unknown(name).what);
    }
    if (!value) value = next_value();
    if (!value) return refuse("a value is required for '" + std::string(name) + "'");
    if (name == "--socket") return take_once(name, *value, has_socket_, arguments_.socket);
    if (name == "--listen") return take_once(name, *value, has_listen_, arguments_.listen);
    if (name == "--config") return take_once(name, *value, has_config_, arguments_.config);
    if (value->empty())
      return refuse("an empty value is not allowed for '" + std::string(name) + "'");
    (name == "--allow-read" ? arguments_.allow_read : arguments_.allow_write).emplace_back(*value);
    return true;
  }

  std::optional<std::string_view> next_value() {
    if (words_.empty() || (words_.front().starts_with('-') && words_.front() != "-")) return {};
    const auto value = words_.front();
    words_ = words_.subspan(1);
    return value;
  }

  bool take_self_test(std::optional<std::string_view> value) {
    if (!value) value = next_value();
    if (value != "sandbox") return refuse("'--self-test' takes the value 'sandbox'");
    arguments_.tests_sandbox = true;
    return true;
  }

  // A blank value is as none.
  bool take_once(std::string_view name,
                 std::string_view value,
                 bool& had,
                 std::optional<std::string>& target) {
    if (std::exchange(had, true)) return refuse_twice(name);
    if (!trim(value).empty()) target = value;
    return true;
  }

  bool take_switch(std::string_view name, std::optional<std::string_view> value, bool& on) {
    if (value) return refuse("'" + std::string(name) + "' takes no value");
    if (std::exchange(on, true)) return refuse_twice(name);
    return true;
  }

  bool refuse_twice(std::string_view name) {
    return refuse("'" + std::string(name) + "' cannot be used multiple times");
  }

  std::span<const std::string_view> words_;
  Arguments arguments_;
  bool has_socket_ = false, has_listen_ = false, has_config_ = false;
  UsageError error_;
};

}  // namespace

Parsed parse_arguments(std::span<const std::string_view> words) { return Reader(words).read(); }

const std::string_view kUsage = "aivaultd [OPTIONS]";
const std::string_view kHelp =
    R"(The daemon of aivault: keeps the vault, injects credentials into calls, answers on a unix socket.

Usage: aivaultd [OPTIONS]

Options:
      --socket PATH       Where to listen (default: AIVAULTD_SOCKET, else aivaultd.sock in
                          $AIVAULT_DIR/run or ~/.aivault/run)
      --shared            Listen on the agent socket as well, for callers under other users;
                          --socket is its path then (default: AIVAULTD_SHARED_SOCKET, else
                          /var/run/aivault/aivaultd.sock)
      --listen HOST:PORT  Listen on TCP as well, for callers with a token: 127.0.0.1, localhost or
                          [::1]; port 0 takes a free one
      --config FILE       Read this configuration only (default: /etc/aivault/aivaultd.toml, then
                          config.toml in $AIVAULT_DIR or ~/.aivault); SIGHUP reads it again
      --check-config      Check arguments, environment and configuration, print what would count
                          as JSON, and end
      --once              End when the first call has been answered and nobody is connected
      --stdio             Serve the connected unix socket on descriptor 0 until its end
                          (same: --stdio-socket)
      --allow-read PATH   With --stdio: a path that requests will name for reading (repeatable)
      --allow-write PATH  With --stdio: a path that requests will name for writing (repeatable)
      --self-test sandbox Try from inside what the sandbox forbids; the result as JSON
  -h, --help              Print help
  -V, --version           Print version

Environment:
  AIVAULT_DIR             Directory of the vault, its key file and its socket
  AIVAULTD_SOCKET         Where to listen if --socket is absent
  AIVAULTD_SHARED_SOCKET  Where to listen for agents with --shared
  AIVAULTD_LISTEN         As --listen
  AIVAULTD_SOCKET_MODE, AIVAULTD_SOCKET_DIR_MODE
                          Octal modes of socket and directory (default 0600 and 0700;
                          with --shared those of the agent socket, 0660 and 0750)
  AIVAULTD_IDLE_EXIT      End after that time without a connection, such as 15m (default: never)
  AIVAULTD_LOG            error, warn, info (default) or debug
  AIVAULTD_REQUIRE_MLOCK  Refuse to start if memory cannot be locked
  AIVAULT_DISABLE_DISK_LOGS
                          Keep calls out of the audit; changes are always recorded
)";

}  // namespace aivault::daemon
