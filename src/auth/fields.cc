#include "auth/fields.h"

#include <algorithm>

#include "base/text.h"
#include "json/parse.h"

namespace aivault::auth {

std::optional<Fields> Fields::parse(std::string_view json_text) {
  Fields fields;
  fields.memory_ = std::make_unique<json::WipingMemory>();
  auto document = json::parse(json_text, {}, json::Positions::none, fields.memory_.get());
  if (!document || !document->is(json::Kind::object)) return std::nullopt;
  fields.document_ = std::make_unique<json::Value>(*std::move(document));
  if (!fields.collect(*fields.document_, "") || fields.fields_.empty()) return std::nullopt;
  return fields;
}

Fields Fields::of(std::vector<std::pair<std::string, std::string_view>> fields) {
  Fields made;
  made.fields_ = std::move(fields);
  return made;
}

// NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth.
bool Fields::collect(const json::Value& object, const std::string& prefix) {
  constexpr std::size_t kMost = 256;
  return std::ranges::all_of(object.members(), [&](const json::Member& member) {
    const std::string name = prefix + std::string(trim(member.key));
    if (member.value.is(json::Kind::object)) return collect(member.value, name + ".");
    if (!member.value.is(json::Kind::string)) return true;
    if (find(name) || fields_.size() == kMost) return false;
    fields_.emplace_back(name, member.value.text());
    return true;
  });
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  const auto found =
      std::ranges::find(fields_, name, &std::pair<std::string, std::string_view>::first);
  if (found == fields_.end()) return std::nullopt;
  return found->second;
}

}  // namespace aivault::auth
