#include "policy/managed_parameters.h"

#include <algorithm>

#include "base/text.h"
#include "http/target.h"

namespace aivault::policy {
namespace {

// What a server may take the name for: "+Api%5Fkey[0]" is "api_key" to some.
std::string folded(std::string_view raw) {
  std::string name(raw);
  std::ranges::replace(name, '+', ' ');
  name = http::fold_parameter_name(name);
  constexpr std::string_view kEnds("[\0", 2);
  return std::string(trim(std::string_view(name).substr(0, name.find_first_of(kEnds))));
}

}  // namespace

ManagedParameters::ManagedParameters(const std::vector<std::string>& names) {
  for (const auto& name : names) names_.push_back(folded(name));
}

bool ManagedParameters::is_managed(std::string_view assignment) const {
  const auto name = folded(assignment.substr(0, assignment.find('=')));
  return std::ranges::find(names_, name) != names_.end();
}

bool ManagedParameters::occur_in(std::string_view piece) const {
  if (empty()) return false;
  const auto parts = split(piece, ';');
  return std::ranges::any_of(parts, [&](std::string_view part) { return is_managed(part); });
}

std::string ManagedParameters::redact(std::string_view piece) const {
  if (!occur_in(piece)) return std::string(piece);
  std::string out;
  for (const auto part : split(piece, ';')) {
    if (!out.empty()) out += ';';
    out += is_managed(part) ? std::string(part.substr(0, part.find('='))) + "=REDACTED"
                            : std::string(part);
  }
  return out;
}

std::string ManagedParameters::redact_url(std::string_view url) const {
  const auto begin = url.find_first_of("?#");
  if (empty() || begin == std::string_view::npos) return std::string(url);
  std::string out(url.substr(0, begin));
  url.remove_prefix(begin);
  while (!url.empty()) {
    out += url.front();  // One of ? & #
    url.remove_prefix(1);
    const auto piece = url.substr(0, url.find_first_of("?&#"));
    out += redact(piece);
    url.remove_prefix(piece.size());
  }
  return out;
}

}  // namespace aivault::policy
