#include "http/target.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "http/percent.h"

namespace aivault::http {
namespace {

constexpr std::size_t kMaxPath = std::size_t{8} << 10U;    // Bytes, as sent.
constexpr std::size_t kMaxQuery = std::size_t{32} << 10U;  // Bytes, as sent.
constexpr int kDecodings = 4;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }
bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// What a URL parser would encode or read differently; '%' stays, its escapes are checked.
bool is_plain_in_path(char c) {
  constexpr std::string_view kEncoded = "\"<>^`{|}";
  return static_cast<unsigned char>(c) < 0x80 && kEncoded.find(c) == std::string_view::npos;
}

// RFC 3986 "query", escapes, and the brackets that many APIs use.
bool is_plain_in_query(char c) {
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=:@/?[]%";
  return is_alphanumeric(c) || kOthers.find(c) != std::string_view::npos;
}

auto bad_path(std::string_view what) {
  return invalid_request("path_syntax", "request.path " + std::string(what));
}

auto traversal() { return policy_violation("path_traversal", "path traversal is not allowed"); }

// Parameters end a segment; a '?' or '#' that was encoded ends the path for whoever decodes and
// then parses.
bool is_dot_segment(std::string_view segment) {
  segment = segment.substr(0, segment.find_first_of(";?#"));
  while (segment.ends_with(' ')) segment.remove_suffix(1);
  return segment == "." || segment == "..";
}

Result<void> check_decoding(std::string_view path) {
  if (has_control(path)) return bad_path("contains a control character");
  if (path.find('\\') != std::string_view::npos) return traversal();
  const auto segments = split(path, '/');
  if (std::ranges::any_of(segments, is_dot_segment)) return traversal();
  return {};
}

// However often a server decodes, it must not find a way up.
Result<void> check_decodings(std::string_view path) {
  std::string decoded(path);
  for (int round = 0;; ++round) {
    TRY(check_decoding(decoded));
    if (round == 1 && !is_valid_utf8(decoded)) return bad_path("contains invalid utf-8");
    auto next = percent_decode(decoded);
    if (next == decoded) return {};
    if (round == kDecodings) return traversal();
    decoded = std::move(next);
  }
}

// The whole value, trimmed: what must hold before it is taken apart.
Result<void> check_value(std::string_view value) {
  if (value.empty()) return invalid_request("field_required", "request.path is required");
  if (value.front() != '/') return bad_path("must start with '/'");
  if (value.starts_with("//")) return bad_path("must not start with '//'");
  if (!is_valid_utf8(value)) return bad_path("contains invalid utf-8");
  if (std::ranges::any_of(value, is_control)) return bad_path("contains a control character");
  if (value.find('#') != std::string_view::npos) return bad_path("must not contain a fragment");
  return {};
}

Result<std::string> wire_path(std::string_view raw) {
  if (raw.size() > kMaxPath) return bad_path("is longer than 8192 bytes");
  if (raw.find(' ') != std::string_view::npos) {
    return bad_path("contains a space: it must be percent-encoded");
  }
  if (raw.find('\\') != std::string_view::npos) return traversal();
  if (!has_valid_escapes(raw)) return bad_path("contains invalid percent encoding");
  auto path = percent_encode_unless(raw, is_plain_in_path);
  if (path.size() > kMaxPath) return bad_path("is longer than 8192 bytes");
  if (to_lower(path).find("%2e") != std::string::npos) return traversal();
  TRY(check_decodings(path));
  return path;
}

Result<std::string> form_decoded(std::string_view raw) {
  std::string text(raw);
  std::ranges::replace(text, '+', ' ');
  text = percent_decode(text);
  if (!is_valid_utf8(text)) {
    return invalid_request("query_encoding", "query parameter contains invalid utf-8");
  }
  return text;
}

Result<QueryPiece> query_piece(std::string_view raw) {
  if (!has_valid_escapes(raw)) {
    return invalid_request("query_encoding", "query parameter contains invalid percent encoding");
  }
  QueryPiece piece;
  piece.wire = percent_encode_unless(raw, is_plain_in_query);
  const std::string_view wire = piece.wire;
  const auto equals = wire.find('=');
  TRY_ASSIGN(piece.name, form_decoded(wire.substr(0, equals)));
  if (equals != std::string_view::npos) {
    TRY_ASSIGN(piece.value, form_decoded(wire.substr(equals + 1)));
  }
  return piece;
}

Result<std::vector<QueryPiece>> query_pieces(std::string_view raw) {
  const auto too_long = [] { return bad_path("has a query longer than 32768 bytes"); };
  if (raw.size() > kMaxQuery) return too_long();
  std::vector<QueryPiece> pieces;
  std::size_t size = 0;
  for (const auto part : split(raw, '&')) {
    if (part.empty()) continue;
    TRY_ASSIGN(auto piece, query_piece(part));
    size += piece.wire.size() + 1;
    pieces.push_back(std::move(piece));
  }
  if (size > kMaxQuery + 1) return too_long();  // The first piece has no '&' before it.
  return pieces;
}

}  // namespace

std::string Target::wire() const {
  std::string out = path_;
  char separator = '?';
  for (const auto& piece : query_) {
    out += std::exchange(separator, '&');
    out += piece.wire;
  }
  return out;
}

Result<Target> parse_target(std::string_view raw) {
  const auto value = trim(raw);
  TRY(check_value(value));
  const auto mark = value.find('?');
  Target target;
  TRY_ASSIGN(target.path_, wire_path(value.substr(0, mark)));
  if (mark != std::string_view::npos) {
    TRY_ASSIGN(target.query_, query_pieces(value.substr(mark + 1)));
  }
  return target;
}

Result<void> check_prefix(std::string_view prefix) {
  const auto refuse = [&](std::string_view why) {
    return invalid_request(
        "path_syntax",
        "invalid path prefix '" + quote_for_message(prefix) + "': " + std::string(why));
  };
  if (trim(prefix) != prefix) return refuse("white space around it");
  if (auto checked = check_value(prefix); !checked) return refuse(checked.error().message);
  if (prefix.find_first_of("?%") != std::string_view::npos ||
      prefix.find("//") != std::string_view::npos) {
    return refuse("it must not contain '?', '%' or '//'");
  }
  const auto wire = wire_path(prefix);
  if (!wire) return refuse(wire.error().message);
  // Paths are compared in their wire form, in which such a byte never occurs.
  if (*wire != prefix) return refuse("it contains a character that is sent percent-encoded");
  return {};
}

std::string fold_parameter_name(std::string_view raw) {
  std::string name(raw);
  for (int round = 0; round < kDecodings; ++round) name = percent_decode(name);
  return to_lower(name);
}

}  // namespace aivault::http
