#include <algorithm>

#include "base/text.h"
#include "registry/check.h"
#include "registry/pattern.h"

namespace aivault::registry {
namespace {

bool names(const Texts& methods, std::string_view method) {
  return methods.empty() ||
         std::ranges::any_of(methods, [&](const Text& listed) { return listed.text == method; });
}

CallClass base_class(const CapabilityEntry& capability, std::string_view method) {
  if (capability.graphql && method == "POST") return CallClass::destructive;
  if (method == "GET" || method == "HEAD" || method == "QUERY") return CallClass::read;
  return method == "DELETE" ? CallClass::destructive : CallClass::write;
}

// The classes from rule `first` on.
std::set<CallClass> classes_from(const CapabilityEntry& capability,
                                 std::size_t first,
                                 std::string_view method,
                                 std::string_view pattern) {
  std::set<CallClass> found;
  const auto base = base_class(capability, method);
  if (capability.graphql && method == "POST") return {base};
  for (std::size_t i = first; i < capability.classes.size(); ++i) {
    const auto& rule = capability.classes[i];
    if (!rule.value || !names(rule.methods, method)) continue;
    for (const auto& path : rule.paths) {
      if (!overlap(path.text, pattern)) continue;
      found.insert(*rule.value);
      if (path_part(path.text) == path.text && covers(path.text, pattern)) return found;
    }
  }
  found.insert(base);
  return found;
}

class PathChecks {
 public:
  PathChecks(const ProviderFile& file, Problems& problems) : file_(file), problems_(problems) {}

  void run() {
    if (!check_grammar()) return;  // The rest reads the patterns.
    check_list(file_.never);
    for (const auto& capability : file_.capabilities) {
      check_width(capability);
      check_list(capability.except);
      for (const auto& rule : capability.allow) check_list(rule.paths);
      for (const auto& rule : capability.classes) check_list(rule.paths);
      for (const auto& path : capability.except) check_meets(capability, path, nullptr);
      for (const auto& rule : capability.classes) {
        for (const auto& path : rule.paths) check_meets(capability, path, &rule);
      }
      for (std::size_t i = 0; i < capability.classes.size(); ++i) check_effect(capability, i);
    }
  }

 private:
  void add(Position at, std::string_view code, std::string text) {
    problems_.error(file_.file, at, code, std::move(text));
  }

  bool check_grammar() {
    bool good = true;
    const auto check = [&](const Texts& paths, PatternUse use) {
      for (const auto& path : paths) {
        if (const auto problem = pattern_problem(path.text, use)) {
          add(path.at, "PATH-1", "path '" + quote_for_message(path.text) + "' " + *problem);
          good = false;
        }
      }
    };
    check(file_.never, PatternUse::path);
    for (const auto& capability : file_.capabilities) {
      for (const auto& rule : capability.allow) check(rule.paths, PatternUse::path);
      check(capability.except, PatternUse::path);
      for (const auto& rule : capability.classes) check(rule.paths, PatternUse::class_rule);
    }
    return good;
  }

  void check_width(const CapabilityEntry& capability) {
    if (capability.wide) return;
    for (const auto& rule : capability.allow) {
      for (const auto& path : rule.paths) {
        if (!is_wide(path.text)) continue;
        add(path.at, "PATH-2", "path '" + path.text + "' needs 'wide'");
      }
    }
  }

  // A pattern that another of the same list covers says nothing.
  void check_list(const Texts& paths) {
    for (const auto& inner : paths) {
      for (const auto& outer : paths) {
        if (&inner == &outer || path_part(outer.text) != outer.text) continue;
        if (!covers(outer.text, inner.text)) continue;
        add(inner.at, "PATH-4", "path '" + inner.text + "' is covered by '" + outer.text + "'");
        break;
      }
    }
  }

  void check_meets(const CapabilityEntry& capability, const Text& path, const ClassEntry* rule) {
    for (const auto& allowed : capability.allow) {
      const auto methods = methods_of_rule(capability, allowed);
      const bool method_fits = rule == nullptr || std::ranges::any_of(methods, [&](auto method) {
                                 return names(rule->methods, method);
                               });
      if (method_fits && std::ranges::any_of(allowed.paths, [&](const Text& other) {
            return overlap(other.text, path.text);
          })) {
        return;
      }
    }
    add(path.at, "PATH-3", "path '" + path.text + "' meets no path that is allowed");
  }

  void check_effect(const CapabilityEntry& capability, std::size_t index) {
    const auto& rule = capability.classes[index];
    if (!rule.value) return;
    for (const auto& allowed : capability.allow) {
      for (const auto method : methods_of_rule(capability, allowed)) {
        if (!names(rule.methods, method)) continue;
        for (const auto& own : rule.paths) {
          for (const auto& other : allowed.paths) {
            if (!overlap(own.text, other.text)) continue;
            const auto region = covers(own.text, other.text) ? other.text : own.text;
            if (shadowed(capability, index, method, region)) continue;
            const auto otherwise = classes_from(capability, index + 1, method, region);
            if (otherwise != std::set<CallClass>{*rule.value}) return;
          }
        }
      }
    }
    add(rule.at, "PATH-4", "this class rule changes nothing");
  }

  static bool shadowed(const CapabilityEntry& capability,
                       std::size_t index,
                       std::string_view method,
                       std::string_view region) {
    return std::ranges::any_of(capability.classes.begin(),
                               capability.classes.begin() + static_cast<std::ptrdiff_t>(index),
                               [&](const ClassEntry& rule) {
                                 return names(rule.methods, method) &&
                                        std::ranges::any_of(rule.paths, [&](const Text& path) {
                                          return path_part(path.text) == path.text &&
                                                 covers(path.text, region);
                                        });
                               });
  }

  const ProviderFile& file_;
  Problems& problems_;
};

}  // namespace

std::vector<std::string_view> methods_of_rule(const CapabilityEntry& capability,
                                              const RuleEntry& rule) {
  std::vector<std::string_view> methods;
  for (const auto& method : rule.methods) {
    methods.push_back(method.text);
    if (method.text == "GET" && capability.websocket) methods.push_back("WS");
  }
  return methods;
}

std::set<CallClass> classes_of(const CapabilityEntry& capability,
                               std::string_view method,
                               std::string_view pattern) {
  return classes_from(capability, 0, method, pattern);
}

void check_paths(const ProviderFile& file, Problems& problems) { PathChecks(file, problems).run(); }

}  // namespace aivault::registry
