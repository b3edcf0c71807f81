#include <algorithm>
#include <array>

#include "base/text.h"
#include "registry/pattern.h"
#include "registry/registry.h"

namespace aivault::registry {
namespace {

constexpr std::array<std::string_view, 8> kMethodOrder = {
    "GET", "HEAD", "QUERY", "POST", "PUT", "PATCH", "DELETE", "WS"};

template <typename Methods>
bool lists(const Methods& methods, std::string_view method) {
  return std::ranges::any_of(
      methods, [&](std::string_view listed) { return equals_ignore_case(listed, method); });
}

bool serves(const Capability& capability, const Rule& rule, std::string_view method) {
  return lists(rule.methods, method) ||
         (capability.websocket && equals_ignore_case(method, "WS") && lists(rule.methods, "GET"));
}

template <typename Action>
void for_each_path(const Capability& capability, Action action) {
  for (const auto& rule : capability.allow) {
    for (const std::string_view path : rule.paths) action(path);
  }
}

template <typename T>
void add_once(std::vector<T>& list, T value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(std::move(value));
}

}  // namespace

std::string_view to_string(CallClass value) {
  switch (value) {
    case CallClass::read: return "read";
    case CallClass::write: return "write";
    case CallClass::destructive: return "destructive";
  }
  return "destructive";
}

bool allows_method(const Capability& capability, std::string_view method) {
  return std::ranges::any_of(capability.allow,
                             [&](const Rule& rule) { return serves(capability, rule, method); });
}

bool allows(const Capability& capability, std::string_view method, std::string_view path) {
  const auto fits = capability.form == PathForm::pattern ? matches_exactly : matches_prefix;
  return std::ranges::any_of(capability.allow, [&](const Rule& rule) {
    return serves(capability, rule, method) &&
           std::ranges::any_of(rule.paths,
                               [&](std::string_view pattern) { return fits(pattern, path); });
  });
}

bool is_excluded(const Capability& capability, std::string_view path) {
  if (capability.except.empty() && capability.never.empty()) return false;
  const WidePath wide(path);
  const auto cut_out = [&](std::string_view pattern) { return wide.matches(pattern); };
  return std::ranges::any_of(capability.never, cut_out) ||
         std::ranges::any_of(capability.except, cut_out);
}

CallClass class_of_method(std::string_view method) {
  constexpr std::array<std::string_view, 4> kReading = {"GET", "HEAD", "QUERY", "OPTIONS"};
  if (lists(kReading, method)) return CallClass::read;
  return equals_ignore_case(method, "DELETE") ? CallClass::destructive : CallClass::write;
}

CallClass class_of(const Capability& capability,
                   std::string_view method,
                   std::string_view path,
                   std::string_view query) {
  if (capability.graphql && equals_ignore_case(method, "POST")) return CallClass::destructive;
  const auto base = class_of_method(method);
  if (capability.classes.empty()) return base;
  const WidePath wide(path);
  for (const auto& rule : capability.classes) {
    if (!rule.methods.empty() && !lists(rule.methods, method)) continue;
    const bool raises = rule.value > base;
    const bool matched = std::ranges::any_of(rule.paths, [&](std::string_view pattern) {
      return raises ? wide.matches(pattern) && query_matches_widely(pattern, query)
                    : matches_exactly(pattern, path) && query_matches_exactly(pattern, query);
    });
    if (matched) return rule.value;
  }
  return base;
}

std::vector<std::string_view> methods_of(const Capability& capability) {
  std::vector<std::string_view> methods;
  for (const auto known : kMethodOrder) {
    if (known == "WS") continue;
    if (std::ranges::any_of(capability.allow,
                            [&](const Rule& rule) { return lists(rule.methods, known); })) {
      methods.push_back(known);
    }
  }
  // Operator-defined capabilities may name further methods.
  for (const auto& rule : capability.allow) {
    for (const std::string_view method : rule.methods) {
      if (!lists(kMethodOrder, method)) add_once(methods, method);
    }
  }
  return methods;
}

std::vector<std::string> prefixes_of(const Capability& capability) {
  std::vector<std::string> prefixes;
  for_each_path(capability, [&](std::string_view path) {
    add_once(prefixes,
             capability.form == PathForm::pattern ? fixed_beginning(path) : std::string(path));
  });
  return prefixes;
}

std::vector<std::string_view> patterns_of(const Capability& capability) {
  std::vector<std::string_view> patterns;
  for_each_path(capability, [&](std::string_view path) { add_once(patterns, path); });
  return patterns;
}

std::string default_path_of(const Capability& capability) {
  const auto patterns = patterns_of(capability);
  if (patterns.size() != 1) return {};
  if (capability.form == PathForm::prefix) return std::string(patterns.front());
  return is_fixed(patterns.front()) ? fixed_beginning(patterns.front()) : std::string();
}

}  // namespace aivault::registry
