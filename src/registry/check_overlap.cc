#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "registry/check.h"
#include "registry/pattern.h"

namespace aivault::registry {
namespace {

// A method and two patterns that one call may fit.
struct Meeting {
  std::string_view method;
  const Text* a;
  const Text* b;
};

bool is_cut(const Texts& cuts, const Meeting& meeting) {
  return std::ranges::any_of(cuts, [&](const Text& cut) {
    return covers(cut.text, meeting.a->text) || covers(cut.text, meeting.b->text);
  });
}

std::vector<std::string_view> common_methods(const CapabilityEntry& a,
                                             const RuleEntry& rule_a,
                                             const CapabilityEntry& b,
                                             const RuleEntry& rule_b) {
  const auto left = methods_of_rule(a, rule_a);
  const auto right = methods_of_rule(b, rule_b);
  std::vector<std::string_view> common;
  std::ranges::copy_if(left, std::back_inserter(common), [&](std::string_view method) {
    return std::ranges::find(right, method) != right.end();
  });
  return common;
}

// "/v1" of "/v1/tickets"; empty where it is no plain word.
std::string_view first_segment(std::string_view pattern) {
  const auto segment = pattern.substr(0, pattern.find('/', 1));
  return segment.find_first_of("{*$?:.") == std::string_view::npos ? segment : std::string_view();
}

// How the patterns of a capability begin; with an empty one it may meet any other.
std::set<std::string_view> beginnings_of(const CapabilityEntry& capability) {
  std::set<std::string_view> beginnings;
  for (const auto& rule : capability.allow) {
    for (const auto& path : rule.paths) {
      const auto first = first_segment(path.text);
      beginnings.insert(first.size() > 1 ? first : std::string_view());
    }
  }
  return beginnings;
}

// Most capabilities differ at once; comparing all their patterns takes a thousand times as long.
bool begin_apart(const std::set<std::string_view>& a, const std::set<std::string_view>& b) {
  return !a.contains("") && !b.contains("") &&
         std::ranges::none_of(a, [&](std::string_view first) { return b.contains(first); });
}

std::vector<Meeting> meetings_of(const ProviderFile& file,
                                 const CapabilityEntry& a,
                                 const CapabilityEntry& b) {
  std::vector<Meeting> found;
  for (const auto& rule_a : a.allow) {
    for (const auto& rule_b : b.allow) {
      const auto methods = common_methods(a, rule_a, b, rule_b);
      for (const auto& path_a : rule_a.paths) {
        for (const auto& path_b : rule_b.paths) {
          if (!overlap(path_a.text, path_b.text)) continue;
          for (const auto method : methods) {
            const Meeting meeting{method, &path_a, &path_b};
            if (is_cut(a.except, meeting) || is_cut(b.except, meeting) ||
                is_cut(file.never, meeting)) {
              continue;
            }
            found.push_back(meeting);
          }
        }
      }
    }
  }
  return found;
}

bool names(const Texts& list, std::string_view id) {
  return std::ranges::any_of(list, [&](const Text& text) { return text.text == id; });
}

void check_pair(const ProviderFile& file,
                const CapabilityEntry& a,
                const CapabilityEntry& b,
                Problems& problems) {
  const auto meetings = meetings_of(file, a, b);
  if (meetings.empty()) return;
  const auto& first = meetings.front();
  if (!names(a.overlaps, b.id.text) && !names(b.overlaps, a.id.text)) {
    problems.error(file.file,
                   first.b->at,
                   "SET-1",
                   "'" + b.id.text + "' overlaps '" + a.id.text + "': " +
                       std::string(first.method) + " " + first.b->text + " and " + first.a->text);
    return;
  }
  for (const auto& meeting : meetings) {
    const auto& shared = covers(meeting.a->text, meeting.b->text) ? *meeting.b : *meeting.a;
    if (classes_of(a, meeting.method, shared.text) == classes_of(b, meeting.method, shared.text)) {
      continue;
    }
    problems.error(file.file,
                   meeting.b->at,
                   "SET-1",
                   "'" + b.id.text + "' and '" + a.id.text + "' give " +
                       std::string(meeting.method) + " " + shared.text + " different classes");
    return;
  }
}

}  // namespace

void check_overlaps(const ProviderFile& file, Problems& problems) {
  std::vector<bool> readable;
  std::vector<std::set<std::string_view>> beginnings;
  for (const auto& capability : file.capabilities) {
    readable.push_back(has_good_patterns(file, capability));
    beginnings.push_back(beginnings_of(capability));
  }
  for (std::size_t i = 0; i < file.capabilities.size(); ++i) {
    const auto& a = file.capabilities[i];
    for (const auto& id : a.overlaps) {
      if (std::ranges::none_of(file.capabilities,
                               [&](const auto& other) { return other.id.text == id.text; })) {
        problems.error(
            file.file, id.at, "SET-1", "'overlaps' names no capability: '" + id.text + "'");
      }
    }
    for (std::size_t j = i + 1; j < file.capabilities.size(); ++j) {
      const auto& b = file.capabilities[j];
      if (a.slot.text != b.slot.text || !readable[i] || !readable[j]) continue;
      if (!begin_apart(beginnings[i], beginnings[j])) check_pair(file, a, b, problems);
    }
  }
}

}  // namespace aivault::registry
