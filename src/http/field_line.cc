#include "http/field_line.h"

#include <algorithm>

#include "base/text.h"

namespace aivault::http {
namespace {

auto refuse(std::string why) { return tl::unexpected<std::string>(std::move(why)); }

bool is_forbidden(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
}

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

tl::expected<Header, std::string> parse_field_line(std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t')) return refuse("folded header");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return refuse("header without a colon");
  if (!is_token(line.substr(0, colon))) return refuse("invalid header name");
  const auto value = without_blanks(line.substr(colon + 1));
  if (std::ranges::any_of(value, is_forbidden)) return refuse("control byte in a header");
  return Header{to_lower(line.substr(0, colon)), std::string(value)};
}

}  // namespace aivault::http
