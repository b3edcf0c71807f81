#include "platform/key_variables.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/wipe.h"

namespace aivault::platform {
namespace {

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxValue = 4096;  // As a key file.

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool KeyVariables::is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && is_letter(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
}

void KeyVariables::take(const std::string& name) {
  if (!is_name(name)) return;
  const std::lock_guard lock(guard_);
  // The strings are wiped where they are; their entries stay, so that readers of the block find
  // it as it was.
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, name.c_str(), name.size()) != 0) continue;
    if ((*entry)[name.size()] != '=') continue;
    char* value = *entry + name.size() + 1;
    const std::size_t size = std::strlen(value);
    // The first of two equal names counts, as it does for getenv.
    if (size > 0 && size <= kMaxValue && !values_.contains(name)) {
      values_.emplace(name, Secret::copy_of(std::string_view(value, size)));
    }
    wipe(value, size);
  }
}

std::optional<Secret> KeyVariables::value(const std::string& name) {
  take(name);
  const std::lock_guard lock(guard_);
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second.clone();
}

}  // namespace aivault::platform
