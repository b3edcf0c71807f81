#include "platform/environment.h"

#include <unistd.h>

#include <array>
#include <climits>
#include <cstring>
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

Environment::Environment() : working_directory_(current_directory()) {}

Environment Environment::of_process() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const char* end = std::strchr(*entry, '=');
    if (end == nullptr) continue;
    // The first of two equal names counts, as it does for getenv.
    environment.values_.emplace(std::string_view(*entry, static_cast<std::size_t>(end - *entry)),
                                end + 1);
  }
  return environment;
}

Environment::Environment(std::map<std::string, std::string> variables) : Environment() {
  own_ = std::make_shared<const std::map<std::string, std::string>>(std::move(variables));
  for (const auto& [name, value] : *own_) values_.emplace(name, value.c_str());
}

std::map<std::string, std::string> Environment::all() const {
  return {values_.begin(), values_.end()};
}

std::optional<std::string> Environment::text(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
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
  for (const auto& [name, value] : values_) {
    if (name.starts_with(kDevelopmentPrefix) && !trim(value).empty()) names.push_back(name);
  }
  return names;
}

}  // namespace aivault::platform
