#include "json/value.h"

#include <algorithm>
#include <charconv>

namespace aivault::json {

Value::Value() = default;
Value::Value(std::pmr::memory_resource* memory) : text_(memory), items_(memory), members_(memory) {}
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) = default;  // NOLINT(performance-noexcept-move-constructor)
Value::~Value() = default;

Value::Value(std::nullptr_t) {}
Value::Value(bool value) : kind_(Kind::boolean), boolean_(value) {}
Value::Value(std::int64_t value) : kind_(Kind::number), text_(std::to_string(value)) {}
Value::Value(int value) : Value(static_cast<std::int64_t>(value)) {}
Value::Value(std::string_view value) : kind_(Kind::string), text_(value) {}
Value::Value(const std::string& value) : Value(std::string_view(value)) {}
Value::Value(const char* value) : Value(std::string_view(value)) {}

Value Value::object() {
  Value value;
  value.kind_ = Kind::object;
  return value;
}

Value Value::object(std::initializer_list<std::pair<std::string_view, Value>> members) {
  Value value = object();
  for (const auto& [key, member] : members) value.members_.emplace_back(key, member);
  return value;
}

Value Value::array() {
  Value value;
  value.kind_ = Kind::array;
  return value;
}

Value Value::array(std::vector<Value> items) {
  Value value = array();
  for (auto& item : items) value.items_.push_back(std::move(item));
  return value;
}

Value Value::number(std::string_view source_text) {
  Value value;
  value.kind_ = Kind::number;
  value.text_ = source_text;
  return value;
}

const Value* Value::find(std::string_view key) const {
  const auto it =
      std::ranges::find(members_, key, [](const Member& m) { return std::string_view(m.key); });
  return it == members_.end() ? nullptr : &it->value;
}

std::optional<std::int64_t> Value::integer() const {
  constexpr std::int64_t kLimit = std::int64_t{1} << 53;
  if (kind_ != Kind::number) return std::nullopt;
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
  if (error != std::errc{} || stop != text_.data() + text_.size() || number > kLimit ||
      number < -kLimit) {
    return std::nullopt;
  }
  return number;
}

Value& Value::set(std::string_view key, Value value) {
  kind_ = Kind::object;
  const auto it =
      std::ranges::find(members_, key, [](const Member& m) { return std::string_view(m.key); });
  if (it == members_.end()) {
    members_.emplace_back(key, std::move(value));
  } else {
    it->value = std::move(value);
  }
  return *this;
}

Value& Value::push(Value value) {
  kind_ = Kind::array;
  items_.push_back(std::move(value));
  return *this;
}

}  // namespace aivault::json
