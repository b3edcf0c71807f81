// How two patterns relate: read by the checks of registry files, never while a call is decided.
#include <algorithm>
#include <vector>

#include "base/text.h"
#include "registry/pattern.h"

namespace aivault::registry {
namespace {

struct Part {
  enum class Kind : unsigned char { literal, beginning, ending };
  Kind kind;
  std::string_view text;  // An empty ending is {name}.
  bool takes_separators;
};

struct Parts {
  std::vector<Part> list;
  bool exact = false;
};

Parts parts_of(std::string_view pattern) {
  Parts parts;
  auto path = path_part(pattern);
  if (path.ends_with('$')) {
    parts.exact = true;
    path.remove_suffix(1);
  }
  path.remove_prefix(1);
  if (path.empty()) return parts;
  for (const auto segment : split(path, '/')) {
    const auto close = segment.find('}');
    if (segment.starts_with('{') && close != std::string_view::npos) {
      const bool plus = segment.substr(0, close).ends_with('+');
      parts.list.push_back({Part::Kind::ending, segment.substr(close + 1), plus});
    } else if (segment.size() > 1 && segment.ends_with('*')) {
      parts.list.push_back({Part::Kind::beginning, segment.substr(0, segment.size() - 1), false});
    } else {
      parts.list.push_back({Part::Kind::literal, segment, true});
    }
  }
  return parts;
}

bool covers(const Part& outer, const Part& inner) {
  const auto text = inner.text;
  switch (outer.kind) {
    case Part::Kind::literal: return inner.kind == Part::Kind::literal && text == outer.text;
    case Part::Kind::beginning:
      return inner.kind != Part::Kind::ending && text.starts_with(outer.text);
    case Part::Kind::ending: break;
  }
  if (inner.kind == Part::Kind::ending) {
    return text.ends_with(outer.text) && (outer.takes_separators || !inner.takes_separators);
  }
  if (outer.text.empty()) return true;
  return inner.kind == Part::Kind::literal && text.size() > outer.text.size() &&
         text.ends_with(outer.text);
}

bool overlap(const Part& a, const Part& b) {
  if (a.kind == Part::Kind::literal || b.kind == Part::Kind::literal) {
    return covers(a, b) || covers(b, a);
  }
  if (a.kind != b.kind) return true;  // Beginning and ending can be joined.
  if (a.kind == Part::Kind::beginning) {
    return a.text.starts_with(b.text) || b.text.starts_with(a.text);
  }
  return a.text.ends_with(b.text) || b.text.ends_with(a.text);
}

}  // namespace

bool covers(std::string_view outer, std::string_view inner) {
  const auto a = parts_of(outer);
  const auto b = parts_of(inner);
  if (a.list.size() > b.list.size()) return false;
  if (a.exact && (!b.exact || a.list.size() != b.list.size())) return false;
  for (std::size_t i = 0; i < a.list.size(); ++i) {
    if (!covers(a.list[i], b.list[i])) return false;
  }
  return true;
}

bool overlap(std::string_view a, std::string_view b) {
  const auto left = parts_of(a);
  const auto right = parts_of(b);
  if (left.list.size() > right.list.size() && right.exact) return false;
  if (right.list.size() > left.list.size() && left.exact) return false;
  for (std::size_t i = 0; i < std::min(left.list.size(), right.list.size()); ++i) {
    if (!overlap(left.list[i], right.list[i])) return false;
  }
  return true;
}

bool is_wide(std::string_view pattern) {
  const auto parts = parts_of(pattern);
  if (parts.exact) return false;
  if (parts.list.empty()) return true;
  if (parts.list.size() > 1 || parts.list[0].kind != Part::Kind::literal) {
    // A version followed by placeholders alone, or a first segment of any text, is as wide.
    return std::ranges::all_of(parts.list, [](const Part& part) {
      return part.kind == Part::Kind::ending && part.text.empty();
    });
  }
  const auto text = parts.list[0].text;
  return text == "api" || (text.size() > 1 && text[0] == 'v' && text[1] >= '0' && text[1] <= '9');
}

std::string fixed_beginning(std::string_view pattern) {
  auto path = path_part(pattern);
  if (path.ends_with('$')) path.remove_suffix(1);
  const auto end = path.find('{');
  if (end != std::string_view::npos) return std::string(path.substr(0, end));
  for (auto star = path.find('*'); star != std::string_view::npos;
       star = path.find('*', star + 1)) {
    if (star > 0 && path[star - 1] != '/') return std::string(path.substr(0, star));
  }
  return std::string(path);
}

bool is_fixed(std::string_view pattern) {
  return std::ranges::all_of(parts_of(pattern).list,
                             [](const Part& part) { return part.kind == Part::Kind::literal; });
}

}  // namespace aivault::registry
