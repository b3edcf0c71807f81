#include "daemon/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <numeric>
#include <utility>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/text.h"
#include "daemon/duration.h"
#include "daemon/octal_mode.h"
#include "daemon/tcp_listener.h"
#include "platform/descriptor.h"
#include "platform/log.h"
#include "platform/os_error.h"
#include "platform/places.h"

namespace aivault::daemon {
namespace {

constexpr std::string_view kOfTheMachine = "/etc/aivault/aivaultd.toml";
constexpr std::string_view kPlaceOfTheMachine = "/etc/aivault";
constexpr std::size_t kMaxFile = std::size_t{64} << 10U;
constexpr std::size_t kMaxList = 64;
constexpr std::size_t kMib = std::size_t{1} << 20U;

auto refused(std::string message) { return vault_unavailable("internal", std::move(message)); }

// What a key's value must be, for people; empty: it was taken.
using Complaint = std::string;

std::optional<std::string> text_of(const toml::node& node) {
  return node.value_exact<std::string>();
}

std::optional<std::string> path_of(const toml::node& node) {
  auto path = text_of(node);
  return path && path->starts_with('/') ? path : std::nullopt;
}

std::optional<std::chrono::milliseconds> duration_of(const toml::node& node) {
  if (const auto text = text_of(node)) return parse_duration(*text);
  const auto seconds = node.value_exact<std::int64_t>();
  return seconds ? parse_duration(std::to_string(*seconds)) : std::nullopt;
}

std::optional<std::size_t> count_of(const toml::node& node, std::size_t least, std::size_t most) {
  const auto count = node.value_exact<std::int64_t>();
  if (!count || *count < 0) return std::nullopt;
  const auto size = static_cast<std::size_t>(*count);
  return size >= least && size <= most ? std::optional(size) : std::nullopt;
}

// Bytes, or text such as "64MiB".
std::optional<std::size_t> size_of(const toml::node& node) {
  constexpr std::size_t kMost = std::size_t{64} << 30U;
  if (node.is_integer()) return count_of(node, 0, kMost);
  const auto text = text_of(node);
  if (!text) return std::nullopt;
  std::string_view digits = *text;
  for (const auto& [unit, shift] : {std::pair{"KiB", 10U}, {"MiB", 20U}, {"GiB", 30U}}) {
    if (!digits.ends_with(unit)) continue;
    digits.remove_suffix(std::string_view(unit).size());
    std::size_t count = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    const bool is_number = error == std::errc() && end == digits.data() + digits.size();
    if (is_number && count <= (kMost >> shift)) return count << shift;
  }
  return std::nullopt;
}

std::optional<std::vector<std::string>> texts_of(const toml::node& node, bool are_paths) {
  const auto* list = node.as_array();
  if (list == nullptr || list->size() > kMaxList) return std::nullopt;
  std::vector<std::string> texts;
  for (const auto& each : *list) {
    auto text = are_paths ? path_of(each) : text_of(each);
    if (!text || text->empty()) return std::nullopt;
    texts.push_back(*std::move(text));
  }
  return texts;
}

// Keys that have a variable: what it would say.
struct VariableRule {
  std::string_view key, variable, wanted;
  std::optional<std::string> (*take)(const toml::node&);
};
constexpr std::string_view kPath = "an absolute path";
constexpr std::string_view kMode = R"(an octal mode such as "0660")";
constexpr std::string_view kFlag = "true or false";

std::optional<std::string> mode_text_of(const toml::node& node) {
  auto text = text_of(node);
  return text && parse_octal_mode(*text) ? text : std::nullopt;
}
std::optional<std::string> flag_text_of(const toml::node& node) {
  const auto value = node.value_exact<bool>();
  return value ? std::optional<std::string>(*value ? "true" : "false") : std::nullopt;
}

constexpr auto kVariableRules = std::to_array<VariableRule>({
    {"socket", "AIVAULTD_SOCKET", kPath, path_of},
    {"shared_socket", "AIVAULTD_SHARED_SOCKET", kPath, path_of},
    {"socket_mode", "AIVAULTD_SOCKET_MODE", kMode, mode_text_of},
    {"socket_dir_mode", "AIVAULTD_SOCKET_DIR_MODE", kMode, mode_text_of},
    {"listen",
     "AIVAULTD_LISTEN",
     "a loopback address such as \"127.0.0.1:8787\"",
     [](const toml::node& node) {
       auto text = text_of(node);
       return text && parse_tcp_place(*text) ? text : std::nullopt;
     }},
    {"idle_exit",
     "AIVAULTD_IDLE_EXIT",
     "a time such as \"15m\", 0 for never",
     [](const toml::node& node) {
       const auto time = duration_of(node);
       return time ? std::optional(std::to_string(time->count()) + "ms") : std::nullopt;
     }},
    {"log_level",
     "AIVAULTD_LOG",
     R"("error", "warn", "info" or "debug")",
     [](const toml::node& node) {
       auto text = text_of(node);
       return text && platform::parse_log_level(*text) ? text : std::nullopt;
     }},
    {"audit_mirror", "AIVAULT_AUDIT_MIRROR", kPath, path_of},
    {"audit_durability",
     "AIVAULT_AUDIT_DURABILITY",
     R"("batched" or "strict")",
     [](const toml::node& node) {
       auto text = text_of(node);
       return text == "batched" || text == "strict" ? text : std::nullopt;
     }},
    {"require_mlock", "AIVAULTD_REQUIRE_MLOCK", kFlag, flag_text_of},
});

struct OwnRule {
  std::string_view key, wanted;
  bool (*take)(const toml::node&, Configuration&);
};

template <class T>
bool keep(std::optional<T> value, std::optional<T>& into) {
  if (!value) return false;
  into = std::move(value);
  return true;
}

bool is_origin(const std::string& text) {
  return text.find("://") != std::string::npos && text.find_first_of("*, ") == std::string::npos;
}

constexpr std::size_t kMostConnections = 65536;
constexpr std::string_view kCount = "a number from 1 to 65536";
constexpr std::string_view kDirectories = "a list of absolute paths";

constexpr auto kOwnRules = std::to_array<OwnRule>({
    {"shared",
     kFlag,
     [](const toml::node& node, Configuration& into) {
       return keep(node.value_exact<bool>(), into.shared);
     }},
    {"listen_origins",
     "a list of origins such as [\"http://localhost:3000\"]",
     [](const toml::node& node, Configuration& into) {
       auto list = texts_of(node, false);
       const bool are_origins = list && std::ranges::all_of(*list, is_origin);
       return are_origins && keep(std::move(list), into.listen_origins);
     }},
    {"drain_timeout",
     "a time of at most 5 minutes, such as \"10s\"",
     [](const toml::node& node, Configuration& into) {
       const auto time = duration_of(node);
       return time && *time <= std::chrono::minutes(5) && keep(time, into.drain_timeout);
     }},
    {"limits.connections",
     kCount,
     [](const toml::node& node, Configuration& into) {
       return keep(count_of(node, 1, kMostConnections), into.connections);
     }},
    {"limits.connections_per_uid",
     kCount,
     [](const toml::node& node, Configuration& into) {
       return keep(count_of(node, 1, kMostConnections), into.connections_per_uid);
     }},
    {"limits.calls",
     kCount,
     [](const toml::node& node, Configuration& into) {
       return keep(count_of(node, 1, kMostConnections), into.calls);
     }},
    {"limits.calls_per_identity",
     kCount,
     [](const toml::node& node, Configuration& into) {
       return keep(count_of(node, 1, kMostConnections), into.calls_per_identity);
     }},
    {"limits.memory",
     "a size of at least \"32MiB\"",
     [](const toml::node& node, Configuration& into) {
       const auto size = size_of(node);
       return size && *size >= 32 * kMib && keep(size, into.memory);
     }},
    {"limits.websocket_message",
     "a size from \"1KiB\" to \"1GiB\"",
     [](const toml::node& node, Configuration& into) {
       const auto size = size_of(node);
       return size && *size >= kMib / 1024 && *size <= 1024 * kMib &&
              keep(size, into.websocket_message);
     }},
    {"sandbox.mode",
     R"("enforce" or "off")",
     [](const toml::node& node, Configuration& into) {
       const auto text = text_of(node);
       if (text != "enforce" && text != "off") return false;
       into.enforces_sandbox = text == "enforce";
       return true;
     }},
    {"sandbox.require",
     kFlag,
     [](const toml::node& node, Configuration& into) {
       return keep(node.value_exact<bool>(), into.requires_sandbox);
     }},
    {"sandbox.read",
     kDirectories,
     [](const toml::node& node, Configuration& into) {
       return keep(texts_of(node, true), into.readable);
     }},
    {"sandbox.write",
     kDirectories,
     [](const toml::node& node, Configuration& into) {
       return keep(texts_of(node, true), into.writable);
     }},
});

// How many letters one must change to get from one to the other.
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t changed = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string hint_for(std::string_view key) {
  constexpr std::size_t kMaxKey = 64;
  constexpr std::size_t kFar = 3;
  std::string_view nearest;
  std::size_t best = kFar + 1;
  const auto consider = [&](std::string_view known) {
    const auto far = distance(key, known);
    if (far < best) {
      best = far;
      nearest = known;
    }
  };
  if (key.size() <= kMaxKey) {
    for (const auto& rule : kVariableRules) consider(rule.key);
    for (const auto& rule : kOwnRules) consider(rule.key);
  }
  return nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?";
}

Complaint take(const std::string& key, const toml::node& node, Configuration& into) {
  for (const auto& rule : kVariableRules) {
    if (rule.key != key) continue;
    auto text = rule.take(node);
    if (!text) return "'" + key + "' must be " + std::string(rule.wanted);
    into.variables.insert_or_assign(std::string(rule.variable), *std::move(text));
    return {};
  }
  for (const auto& rule : kOwnRules) {
    if (rule.key != key) continue;
    if (!rule.take(node, into)) return "'" + key + "' must be " + std::string(rule.wanted);
    return {};
  }
  return "unknown key '" + quote_for_message(key) + "'" + hint_for(key);
}

std::string at(const std::string& file, const toml::source_region& place) {
  return file + ":" + std::to_string(place.begin.line) + ": ";
}

Result<void> take_table(const toml::table& table,
                        const std::string& prefix,
                        const std::string& file,
                        Configuration& into) {
  for (const auto& [name, node] : table) {
    const auto key = prefix + std::string(name.str());
    const auto* inner = node.as_table();
    if (prefix.empty() && inner != nullptr && (key == "limits" || key == "sandbox")) {
      TRY(take_table(*inner, key + ".", file, into));
      continue;
    }
    const auto complaint = take(key, node, into);
    if (!complaint.empty()) return refused(at(file, name.source()) + complaint);
  }
  return {};
}

enum class Missing : std::uint8_t { is_fine, is_an_error };

Result<void> read_file(const std::string& file, Missing missing, Configuration& into) {
  // Not waiting for a writer, should it be a pipe.
  const platform::Descriptor opened(
      ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!opened && (errno == ENOENT || errno == ENOTDIR) && missing == Missing::is_fine) return {};
  const auto unsafe = [&file](std::string_view why) {
    return refused("unsafe configuration file '" + file + "': " + std::string(why));
  };
  if (!opened && errno == ELOOP) return unsafe("a symbolic link");
  if (!opened) return refused("cannot read '" + file + "': " + platform::os_text(errno));
  struct stat facts{};
  if (::fstat(opened.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return unsafe("not a file");
  if (facts.st_uid != 0 && facts.st_uid != ::geteuid()) return unsafe("it belongs to another user");
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) return unsafe("others can write it");
  std::string text(kMaxFile + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    const auto got = ::read(opened.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused("cannot read '" + file + "': " + platform::os_text(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > kMaxFile) return unsafe("it is too large");
  }
  text.resize(size);
  TRY(parse_configuration(text, file, into));
  into.files.push_back(file);
  return {};
}

// Root reads no file of another user, whose vault it may be looking at.
bool is_of_another(const std::string& directory) {
  struct stat facts{};
  return ::geteuid() == 0 && ::stat(directory.c_str(), &facts) == 0 && facts.st_uid != 0;
}

}  // namespace

std::optional<std::string> Configuration::text(const platform::Environment& environment,
                                               std::string_view variable) const {
  auto set = environment.text(variable);
  if (set) return set;
  const auto found = variables.find(variable);
  return found == variables.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> Configuration::path(const platform::Environment& environment,
                                               std::string_view variable) const {
  auto set = text(environment, variable);
  return set ? std::optional(environment.absolute(*std::move(set))) : std::nullopt;
}

bool Configuration::flag(const platform::Environment& environment,
                         std::string_view variable) const {
  const auto found = variables.find(variable);
  return environment.flag(variable, found != variables.end() && found->second == "true");
}

Result<void> parse_configuration(std::string_view text,
                                 const std::string& file,
                                 Configuration& into) {
  const auto parsed = toml::parse(text);
  if (!parsed) {
    const auto& problem = parsed.error();
    return refused(at(file, problem.source()) + quote_for_message(problem.description()));
  }
  return take_table(parsed.table(), "", file, into);
}

Result<Configuration> read_configuration(const platform::Environment& environment,
                                         const std::optional<std::string>& only) {
  Configuration configuration;
  if (only) {
    configuration.places.push_back(environment.absolute(*only));
    TRY(read_file(configuration.places.front(), Missing::is_an_error, configuration));
    return configuration;
  }
  configuration.places.emplace_back(kPlaceOfTheMachine);
  TRY(read_file(std::string(kOfTheMachine), Missing::is_fine, configuration));
  auto own = environment.path("AIVAULT_DIR");
  if (!own) {
    const auto home = platform::home_directory(environment);
    if (home) own = *home + "/.aivault";
  }
  if (own && !is_of_another(*own)) {
    configuration.places.push_back(*own);
    TRY(read_file(*own + "/config.toml", Missing::is_fine, configuration));
  }
  return configuration;
}

}  // namespace aivault::daemon
