#include "cli/capability_filter.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "cli/render_parts.h"

namespace aivault::cli {
namespace {

using json::Value;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  const auto lower = to_lower(text);
  for (const auto word : split(lower, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

class Fits {
 public:
  explicit Fits(const CapabilityFilter& wanted) : wanted_(wanted), words_(words_of(wanted.text)) {}

  bool capability(const Value& entry) const {
    const auto id = text_in(entry, "id");
    if (!wanted_.provider.empty() && text_in(entry, "provider") != wanted_.provider) return false;
    if (!wanted_.call_class.empty() && text_in(entry, "class") != wanted_.call_class) return false;
    return has_words(id + " " + text_in(entry, "summary"));
  }
  bool disabled(std::string_view id) const {
    if (wanted_.ready || !wanted_.call_class.empty()) return false;
    if (!wanted_.provider.empty() && !id.starts_with(wanted_.provider + "/")) return false;
    return has_words(id);
  }

 private:
  bool has_words(std::string_view text) const {
    const auto lower = to_lower(text);
    return std::ranges::all_of(
        words_, [&](const std::string& word) { return lower.find(word) != std::string::npos; });
  }

  const CapabilityFilter& wanted_;
  std::vector<std::string> words_;
};

}  // namespace

bool CapabilityFilter::is_empty() const {
  return trim(text).empty() && provider.empty() && call_class.empty() && !ready;
}

Value filter(const Value& list, const CapabilityFilter& wanted) {
  const Fits fits(wanted);
  Value kept = list;
  for (const std::string_view key : {"capabilities", "registryCapabilities"}) {
    auto entries = Value::array();
    const bool asked = !wanted.ready || key == "capabilities";
    for (const auto& entry : items_in(list, key)) {
      if (asked && fits.capability(entry)) entries.push(entry);
    }
    kept.set(key, std::move(entries));
  }
  auto disabled = Value::array();
  for (const auto& id : items_in(list, "disabledCapabilities")) {
    if (fits.disabled(id.text())) disabled.push(id);
  }
  kept.set("disabledCapabilities", std::move(disabled));
  return kept;
}

}  // namespace aivault::cli
