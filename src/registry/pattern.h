// Pattern: the path patterns of registry files, and the plain prefixes of operator-defined
// capabilities. What is allowed compares exactly; what is forbidden compares widely, so that a
// strange spelling neither fits what is allowed nor slips past what is not.
// Thread: any. Errors: none; pattern_problem says what is wrong with a pattern.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aivault::registry {

// Only class rules may end in ?key or ?key=value|value.
enum class PatternUse : unsigned char { path, class_rule };

// What is wrong with the pattern, as the end of a sentence; nullopt: nothing.
std::optional<std::string> pattern_problem(std::string_view pattern, PatternUse use);

// `path` is the wire form, which http::parse_target has accepted.
bool matches_exactly(std::string_view pattern, std::string_view path);
bool matches_prefix(std::string_view prefix, std::string_view path);

// A path with all its decodings, for wide comparison with any number of patterns. A path without
// '%' needs no memory of its own; `path` must outlive this.
class WidePath {
 public:
  explicit WidePath(std::string_view path);
  bool matches(std::string_view pattern) const;

 private:
  std::string_view sent_;
  std::vector<std::string> decoded_;
  bool plain_ = true;  // No reading has a segment with a parameter or with dots at its end.
};

// The ?key part of a class rule; a pattern without one fits every query. `query` is the wire
// form without its '?'.
std::string_view path_part(std::string_view pattern);
bool query_matches_exactly(std::string_view pattern, std::string_view query);
bool query_matches_widely(std::string_view pattern, std::string_view query);

// Does every path that fits `inner` fit `outer`? Can one path fit both? Path parts only.
bool covers(std::string_view outer, std::string_view inner);
bool overlap(std::string_view a, std::string_view b);

// Reaches a whole host or a whole API version: "/", "/v1", "/api" without '$'.
bool is_wide(std::string_view pattern);
// "/api/chat." of "/api/chat.*": the text before the first placeholder, '*' or final '$'.
std::string fixed_beginning(std::string_view pattern);
bool is_fixed(std::string_view pattern);  // No placeholder and no '*'.

}  // namespace aivault::registry
