#include "platform/environment.h"

#include <unistd.h>

#include <array>
#include <climits>
#include <utility>

#include "base/text.h"

namespace aivault::platform {
namespace {

constexpr std::string_view kDevelopmentPrefix = "AIVAULT_DEV_";

std::string current_directory() {
  std::array<char, PATH_MAX> buffer{};
  // "(unreachable)/..." is what the kernel says of a directory outside the root.
  const char* directory = ::getcwd(buffer.data(), buffer.size());
  return directory != nullptr && *directory == '/' ? directory : "/";
}

}  // namespace

Environment Environment::of_process() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto end = text.find('=');
    // The first of two equal names counts, as it does for getenv.
    if (end != std::string_view::npos) variables.emplace(text.substr(0, end), text.substr(end + 1));
  }
  return Environment(std::move(variables));
}

Environment::Environment(std::map<std::string, std::string> variables)
    : variables_(std::move(variables)), working_directory_(current_directory()) {}

std::optional<std::string> Environment::text(std::string_view name) const {
  const auto found = variables_.find(std::string(name));
  if (found == variables_.end()) return std::nullopt;
  const auto value = trim(found->second);
  if (value.empty()) return std::nullopt;
  return std::string(value);
}

bool Environment::flag(std::string_view name, bool otherwise) const {
  const auto value = text(name);
  if (!value) return otherwise;
  const std::string lower = to_lower(*value);
  return lower == "1" || lower == "true" || lower == "yes" || lower == "on";
}

std::optional<std::string> Environment::path(std::string_view name) const {
  auto value = text(name);
  if (!value) return std::nullopt;
  return absolute(*std::move(value));
}

std::string Environment::absolute(std::string path) const {
  if (path.starts_with('/')) return path;
  return (working_directory_ == "/" ? "/" : working_directory_ + "/") + path;
}

std::vector<std::string> Environment::development_variables() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : variables_) {
    if (name.starts_with(kDevelopmentPrefix) && !trim(value).empty()) names.push_back(name);
  }
  return names;
}

}  // namespace aivault::platform
