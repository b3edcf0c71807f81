#include "registry/pattern.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"

namespace aivault::registry {
namespace {

// One segment of a pattern.
struct Piece {
  enum class Kind : std::uint8_t { literal, beginning, any, ending };
  Kind kind = Kind::literal;
  std::string_view text;          // The literal, the beginning or the ending.
  bool takes_separators = false;  // {name+}
};

Piece read_piece(std::string_view segment) {
  if (segment.starts_with('{')) {
    const auto close = segment.find('}');
    if (close != std::string_view::npos) {
      const bool plus = close > 1 && segment[close - 1] == '+';
      const auto ending = segment.substr(close + 1);
      return {ending.empty() ? Piece::Kind::any : Piece::Kind::ending, ending, plus};
    }
  }
  if (segment.size() > 1 && segment.ends_with('*')) {
    return {Piece::Kind::beginning, segment.substr(0, segment.size() - 1)};
  }
  return {Piece::Kind::literal, segment};
}

// Takes the next segment off `rest`, which begins with '/' or is empty.
std::string_view next_segment(std::string_view& rest) {
  rest.remove_prefix(1);
  const auto end = std::min(rest.find('/'), rest.size());
  const auto segment = rest.substr(0, end);
  rest.remove_prefix(end);
  return segment;
}

struct PatternPath {
  std::string_view rest;  // Empty for "/".
  bool exact = false;
};

PatternPath read_pattern(std::string_view pattern) {
  PatternPath read{path_part(pattern)};
  if (read.rest.ends_with('$')) {
    read.exact = true;
    read.rest.remove_suffix(1);
  }
  if (read.rest == "/") read.rest = {};
  return read;
}

std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The text as sent and each of its decodings. A path that needs more rounds is refused earlier.
std::vector<std::string> decodings_of(std::string_view text) {
  constexpr std::size_t kMostRounds = 6;
  std::vector<std::string> found{std::string(text)};
  while (found.size() <= kMostRounds) {
    auto next = percent_decoded(found.back());
    if (next == found.back()) break;
    found.push_back(std::move(next));
  }
  return found;
}

bool holds_separator(std::string_view segment) {
  if (segment.find('%') == std::string_view::npos) return false;
  return std::ranges::any_of(decodings_of(segment), [](const std::string& text) {
    return text.find_first_of("/?#") != std::string::npos;
  });
}

bool fits_exactly(const Piece& piece, std::string_view segment) {
  switch (piece.kind) {
    case Piece::Kind::literal: return segment == piece.text;
    case Piece::Kind::beginning:
      return segment.starts_with(piece.text) && !holds_separator(segment);
    case Piece::Kind::any:
      return !segment.empty() && (piece.takes_separators || !holds_separator(segment));
    case Piece::Kind::ending:
      return segment.size() > piece.text.size() && segment.ends_with(piece.text) &&
             (piece.takes_separators || !holds_separator(segment));
  }
  return false;
}

bool fits_widely(const Piece& piece, std::string_view segment) {
  const auto& text = piece.text;
  if (piece.kind == Piece::Kind::any) return true;
  if (segment.size() < text.size()) return false;
  switch (piece.kind) {
    case Piece::Kind::literal: return equals_ignore_case(segment, text);
    case Piece::Kind::beginning: return equals_ignore_case(segment.substr(0, text.size()), text);
    default: return equals_ignore_case(segment.substr(segment.size() - text.size()), text);
  }
}

// The segment up to its first ; ? or #, without trailing dots and blanks.
std::string_view bare_part(std::string_view segment) {
  segment = segment.substr(0, segment.find_first_of(";?#"));
  return segment.substr(0, segment.find_last_not_of(". \t") + 1);
}

bool is_plain(std::string_view path) {
  return path.find_first_of(";?# \t") == std::string_view::npos &&
         path.find("./") == std::string_view::npos && !path.ends_with('.');
}

// What to do with segments that are nothing but a parameter or dots.
enum class BareSegments : std::uint8_t { absent, kept, dropped };

// One reading of a path; empty segments do not count.
bool reading_matches(std::string_view pattern, std::string_view path, BareSegments bare_segments) {
  auto [rest, exact] = read_pattern(pattern);
  while (!path.empty()) {
    const auto segment = next_segment(path);
    const auto bare = bare_segments == BareSegments::absent ? segment : bare_part(segment);
    if (segment.empty() || (bare.empty() && bare_segments == BareSegments::dropped)) continue;
    if (rest.empty()) return !exact;
    const auto piece = read_piece(next_segment(rest));
    if (!fits_widely(piece, segment) &&
        (bare_segments == BareSegments::absent || !fits_widely(piece, bare))) {
      return false;
    }
  }
  return rest.empty();
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::optional<std::string> segment_problem(std::string_view segment) {
  if (segment.empty()) return "holds an empty segment";
  if (segment == "." || segment == "..") return "holds a dot segment";
  const auto piece = read_piece(segment);
  if (segment.starts_with('{')) {
    const auto close = segment.find('}');
    if (close == std::string_view::npos) return "has an unclosed placeholder";
    auto name = segment.substr(1, close - 1);
    if (name.ends_with('+')) name.remove_suffix(1);
    if (!is_name(name)) return "has a placeholder with an invalid name";
    if (!piece.text.empty() && piece.text.front() != '.' && piece.text.front() != ':') {
      return "has text other than .ending or :verb after a placeholder";
    }
  }
  if (piece.text.find_first_of("{}") != std::string_view::npos) {
    return "has a placeholder that is not a whole segment";
  }
  if (piece.text.find('*') != std::string_view::npos && segment != "*") {
    return "has a '*' that does not end a segment";
  }
  return std::nullopt;
}

std::optional<std::string> query_problem(std::string_view test) {
  const auto equals = test.find('=');
  const auto good = [](std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-' || c == '.';
    });
  };
  if (!good(test.substr(0, equals))) return "has an invalid query key";
  if (equals == std::string_view::npos) return std::nullopt;
  for (const auto value : split(test.substr(equals + 1), '|')) {
    if (!good(value)) return "has an invalid query value";
  }
  return std::nullopt;
}

struct QueryTest {
  std::string_view key;
  std::vector<std::string_view> values;  // Empty: any value.
};

std::optional<QueryTest> read_query_test(std::string_view pattern) {
  const auto mark = pattern.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  const auto test = pattern.substr(mark + 1);
  const auto equals = test.find('=');
  if (equals == std::string_view::npos) return QueryTest{test, {}};
  return QueryTest{test.substr(0, equals), split(test.substr(equals + 1), '|')};
}

// Fully decoded, '+' as a blank, lower case.
std::string folded(std::string_view text) {
  std::string plain(text);
  std::ranges::replace(plain, '+', ' ');
  return to_lower(decodings_of(plain).back());
}

// Is this piece of a query an occurrence of the key for some reader? "key[]" and "key[a]" count.
bool is_occurrence(std::string_view piece, std::string_view key) {
  const auto name = folded(piece.substr(0, piece.find('=')));
  const auto wanted = to_lower(key);
  return trim(std::string_view(name).substr(0, name.find('['))) == wanted;
}

std::string_view value_of(std::string_view piece) {
  const auto equals = piece.find('=');
  return equals == std::string_view::npos ? std::string_view() : piece.substr(equals + 1);
}

// The pieces as any reader may see them: split at '&' or at both '&' and ';', as sent and after
// each decoding.
std::vector<std::vector<std::string>> query_readings(std::string_view query) {
  std::vector<std::vector<std::string>> readings;
  for (auto& text : decodings_of(query)) {
    for (const bool semicolons : {false, true}) {
      if (semicolons) std::ranges::replace(text, ';', '&');
      auto& pieces = readings.emplace_back();
      for (const auto piece : split(text, '&')) pieces.emplace_back(piece);
    }
  }
  return readings;
}

}  // namespace

std::optional<std::string> pattern_problem(std::string_view pattern, PatternUse use) {
  if (!pattern.starts_with('/')) return "must begin with '/'";
  const auto mark = pattern.find('?');
  if (mark != std::string_view::npos) {
    if (use != PatternUse::class_rule) return "may not test the query";
    if (auto problem = query_problem(pattern.substr(mark + 1))) return problem;
  }
  auto path = path_part(pattern);
  for (const char c : path) {
    if (c <= ' ' || c == '%' || c == '\\' || c == '#' || c == ';' || c == '"' || c > '~') {
      return "holds a character that no path may hold";
    }
  }
  if (path.ends_with('$')) path.remove_suffix(1);
  if (path.find('$') != std::string_view::npos) return "has a '$' that is not at its end";
  if (path == "/") return std::nullopt;
  while (!path.empty()) {
    if (auto problem = segment_problem(next_segment(path))) return problem;
  }
  return std::nullopt;
}

bool matches_exactly(std::string_view pattern, std::string_view path) {
  auto [rest, exact] = read_pattern(pattern);
  if (!path.starts_with('/')) return false;
  if (path.ends_with('/')) path.remove_suffix(1);  // A single trailing '/' is ignored.
  while (!rest.empty()) {
    if (path.empty()) return false;
    if (!fits_exactly(read_piece(next_segment(rest)), next_segment(path))) return false;
  }
  return !exact || path.empty();
}

bool matches_prefix(std::string_view prefix, std::string_view path) {
  if (prefix.empty() || !path.starts_with(prefix)) return false;
  if (path.size() == prefix.size()) return true;
  const char last = prefix.back();
  const bool ends_a_word =
      (last >= 'a' && last <= 'z') || (last >= 'A' && last <= 'Z') || (last >= '0' && last <= '9');
  return !ends_a_word || path[prefix.size()] == '/';
}

WidePath::WidePath(std::string_view path) : sent_(path), plain_(is_plain(path)) {
  if (path.find('%') == std::string_view::npos) return;
  decoded_ = decodings_of(path);
  decoded_.erase(decoded_.begin());
  plain_ = plain_ && std::ranges::all_of(decoded_, is_plain);
}

bool WidePath::matches(std::string_view pattern) const {
  const auto fits = [&](std::string_view path) {
    if (plain_) return reading_matches(pattern, path, BareSegments::absent);
    return reading_matches(pattern, path, BareSegments::kept) ||
           reading_matches(pattern, path, BareSegments::dropped);
  };
  return fits(sent_) || std::ranges::any_of(decoded_, fits);
}

std::string_view path_part(std::string_view pattern) {
  return pattern.substr(0, pattern.find('?'));
}

bool query_matches_exactly(std::string_view pattern, std::string_view query) {
  const auto test = read_query_test(pattern);
  if (!test) return true;
  // No reader may find a second occurrence, in whatever way it splits and decodes.
  const auto is_single = [&](const std::vector<std::string>& pieces) {
    return std::ranges::count_if(pieces, [&](const std::string& piece) {
             return is_occurrence(piece, test->key);
           }) == 1;
  };
  if (!std::ranges::all_of(query_readings(query), is_single)) return false;
  return std::ranges::any_of(split(query, '&'), [&](std::string_view piece) {
    if (piece.substr(0, piece.find('=')) != test->key) return false;
    return test->values.empty() ||
           std::ranges::find(test->values, value_of(piece)) != test->values.end();
  });
}

bool query_matches_widely(std::string_view pattern, std::string_view query) {
  const auto test = read_query_test(pattern);
  if (!test) return true;
  const auto fits = [&](const std::string& piece) {
    if (!is_occurrence(piece, test->key)) return false;
    if (test->values.empty()) return true;
    const auto value = folded(value_of(piece));
    return std::ranges::any_of(test->values, [&](std::string_view wanted) {
      return trim(std::string_view(value)) == to_lower(wanted);
    });
  };
  return std::ranges::any_of(query_readings(query), [&](const std::vector<std::string>& pieces) {
    return std::ranges::any_of(pieces, fits);
  });
}

}  // namespace aivault::registry
