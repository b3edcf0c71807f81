#include "cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace aivault::cli {

const std::vector<std::string>* Arguments::values(std::string_view flag) const {
  const auto known = [flag](const Flag& candidate) { return candidate.name == flag; };
  if (std::ranges::none_of(command_->flags, known) &&
      std::ranges::none_of(command_->shared_flags, known)) {
    throw std::logic_error("the command has no flag --" + std::string(flag));
  }
  const auto found = values_.find(flag);
  return found == values_.end() ? nullptr : &found->second;
}

bool Arguments::has(std::string_view flag) const { return values(flag) != nullptr; }

std::optional<std::string> Arguments::text(std::string_view flag) const {
  const auto* list = values(flag);
  return list == nullptr || list->empty() ? std::nullopt : std::optional(list->front());
}

std::string Arguments::text_or(std::string_view flag, std::string_view otherwise) const {
  return text(flag).value_or(std::string(otherwise));
}

const std::vector<std::string>& Arguments::list(std::string_view flag) const {
  static const std::vector<std::string> none;
  const auto* list = values(flag);
  return list == nullptr ? none : *list;
}

std::optional<std::int64_t> Arguments::number(std::string_view flag) const {
  const auto digits = text(flag);
  if (!digits) return std::nullopt;
  std::int64_t number = 0;
  std::from_chars(digits->data(), digits->data() + digits->size(), number);
  return number;
}

void Arguments::set(std::string_view flag, std::vector<std::string> values) {
  values_[std::string(flag)] = std::move(values);
}

}  // namespace aivault::cli
