#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "registry/check.h"
#include "registry/pattern.h"

namespace aivault::registry {
namespace {

bool mentions(std::string_view text, std::initializer_list<std::string_view> words) {
  const auto lower = to_lower(text);
  return std::ranges::any_of(
      words, [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// Does the path look as if its answers held keys?
bool mints(std::string_view pattern) {
  constexpr std::array<std::string_view, 6> kSegments = {
      "api-keys", "keys", "tokens", "credentials", "secrets", "password"};
  auto path = path_part(pattern);
  if (path.ends_with('$')) path.remove_suffix(1);
  return std::ranges::any_of(split(path, '/'), [&](std::string_view segment) {
    return std::ranges::find(kSegments, segment) != kSegments.end();
  });
}

class CapabilityChecks {
 public:
  CapabilityChecks(const ProviderFile& file, Problems& problems)
      : file_(file), problems_(problems) {}

  void run() {
    for (const auto& capability : file_.capabilities) {
      check_frame(capability);
      check_transport(capability);
      check_flags(capability);
      if (!has_good_patterns(file_, capability)) continue;
      check_class(capability);
      check_example(capability);
      check_minting(capability);
    }
  }

 private:
  void add(Position at, std::string_view code, std::string text) {
    problems_.error(file_.file, at, code, std::move(text));
  }

  void check_frame(const CapabilityEntry& capability) {
    const auto& slot = capability.slot;
    if (!slot.text.empty() && file_.find_slot(slot.text) == nullptr) {
      add(slot.at, "CAP-2", "unknown host slot '" + quote_for_message(slot.text) + "'");
    }
    if (capability.allow.empty()) add(capability.at, "CAP-2", "a capability allows something");
    for (const auto& rule : capability.allow) {
      if (rule.methods.empty() || rule.paths.empty()) {
        add(capability.at, "CAP-2", "a rule needs a method and a path");
      }
    }
    if (capability.summary.text.empty()) add(capability.at, "CAP-4", "a summary is missing");
    if (!capability.example) add(capability.at, "CAP-4", "an example is missing");
  }

  static bool lists(const CapabilityEntry& capability, std::string_view method) {
    return std::ranges::any_of(capability.allow, [&](const RuleEntry& rule) {
      return std::ranges::any_of(rule.methods,
                                 [&](const Text& listed) { return listed.text == method; });
    });
  }

  void check_transport(const CapabilityEntry& capability) {
    if (capability.websocket && !lists(capability, "GET") && !lists(capability, "WS")) {
      add(capability.at, "CAP-5", "'websocket' needs the method GET or WS");
    }
    if (!capability.graphql) return;
    for (const auto& rule : capability.allow) {
      for (const auto& method : rule.methods) {
        if (method.text == "POST") continue;
        add(method.at, "CAP-5", "'body_class' goes with the method POST only");
      }
    }
  }

  void check_flags(const CapabilityEntry& capability) {
    if (capability.nested && !capability.is_explicit) {
      add(capability.at, "CAP-7", "'nested' needs 'explicit'");
    }
    const std::string_view summary = capability.summary.text;
    if (summary.empty()) return;
    const Position at = capability.summary.at;
    if (capability.emits &&
        !mentions(summary, {"secret", "credential", "token", "key", "password"})) {
      add(at, "CAP-7", "the summary must say which credential an answer holds");
    }
    if (capability.nested && !mentions(summary, {"calls", "requests"})) {
      add(at, "CAP-7", "the summary must say that one call carries other calls");
    }
    if (capability.wide && !mentions(summary, {"any ", "every ", "whole ", "all "})) {
      add(at, "CAP-7", "the summary must say that this reaches any path");
    }
  }

  void check_class(const CapabilityEntry& capability) {
    std::set<CallClass> found;
    for (const auto& rule : capability.allow) {
      for (const auto method : methods_of_rule(capability, rule)) {
        for (const auto& path : rule.paths) found.merge(classes_of(capability, method, path.text));
      }
    }
    if (found.empty() || !capability.declared || *found.rbegin() == *capability.declared) return;
    add(capability.class_at,
        "CAP-3",
        "the class is declared as " + std::string(to_string(*capability.declared)) + " but is " +
            std::string(to_string(*found.rbegin())));
  }

  void check_example(const CapabilityEntry& capability) {
    if (!capability.example) return;
    const auto& [at, method, path, query, body] = *capability.example;
    if (path.text.find_first_of("{}*?#") != std::string::npos) {
      add(path.at, "CAP-4", "the path of an example is a real path without placeholders");
      return;
    }
    const bool allowed = std::ranges::any_of(capability.allow, [&](const RuleEntry& rule) {
      const auto methods = methods_of_rule(capability, rule);
      return std::ranges::find(methods, method.text) != methods.end() &&
             std::ranges::any_of(rule.paths, [&](const Text& pattern) {
               return matches_exactly(pattern.text, path.text);
             });
    });
    const WidePath wide(path.text);
    const auto cut = [&](const Text& pattern) { return wide.matches(pattern.text); };
    if (!allowed || std::ranges::any_of(capability.except, cut) ||
        std::ranges::any_of(file_.never, cut)) {
      add(at, "CAP-4", "the example is not a call that this capability allows");
    }
  }

  void check_minting(const CapabilityEntry& capability) {
    if (capability.emits || capability.is_explicit) return;
    for (const auto& rule : capability.allow) {
      for (const auto& path : rule.paths) {
        const auto cut = [&](const Text& other) { return overlap(other.text, path.text); };
        if (!mints(path.text) || std::ranges::any_of(capability.except, cut) ||
            std::ranges::any_of(file_.never, cut)) {
          continue;
        }
        problems_.warn(file_.file,
                       path.at,
                       "CAP-6",
                       "path '" + path.text +
                           "' looks as if it hands out keys: use emits, explicit, except or never");
      }
    }
  }

  const ProviderFile& file_;
  Problems& problems_;
};

}  // namespace

bool has_good_patterns(const ProviderFile& file, const CapabilityEntry& capability) {
  const auto good = [](const Texts& paths) {
    return std::ranges::none_of(paths, [](const Text& path) {
      return pattern_problem(path.text, PatternUse::class_rule).has_value();
    });
  };
  const auto good_rule = [&](const auto& rule) { return good(rule.paths); };
  return good(file.never) && good(capability.except) &&
         std::ranges::all_of(capability.allow, good_rule) &&
         std::ranges::all_of(capability.classes, good_rule);
}

void check_capabilities(const ProviderFile& file, Problems& problems) {
  CapabilityChecks(file, problems).run();
}

}  // namespace aivault::registry
