#include "policy/redact.h"

#include <algorithm>
#include <vector>

#include "http/target.h"

namespace aivault::policy {

std::string redact_parameters(std::string_view query, std::span<const std::string> names) {
  std::vector<std::string> folded;
  for (const auto& name : names) folded.push_back(http::fold_parameter_name(name));
  std::string out;
  while (!query.empty()) {
    const auto end = std::min(query.find_first_of("&;"), query.size());
    const auto piece = query.substr(0, end);
    const auto equals = piece.find('=');
    const auto name = http::fold_parameter_name(piece.substr(0, equals));
    const bool managed = std::ranges::find(folded, name) != folded.end();
    if (managed && equals != std::string_view::npos) {
      out.append(piece.substr(0, equals)).append("=REDACTED");
    } else {
      out.append(piece);
    }
    if (end < query.size()) out += query[end];
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return out;
}

std::string redact_url(std::string_view url, std::span<const std::string> names) {
  const auto mark = url.find_first_of("?#");
  if (names.empty() || mark == std::string_view::npos) return std::string(url);
  const auto rest = url.substr(mark + 1);
  std::string out(url.substr(0, mark + 1));
  if (const auto fragment = rest.find('#'); fragment != std::string_view::npos) {
    return out + redact_parameters(rest.substr(0, fragment), names) + '#' +
           redact_parameters(rest.substr(fragment + 1), names);
  }
  return out + redact_parameters(rest, names);
}

}  // namespace aivault::policy
