// Value: one JSON document as a tree that keeps member order, number spelling and positions.
// Thread: any; one tree belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aivault::json {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

struct Member;

class Value {
 public:
  Value();  // null
  explicit Value(std::pmr::memory_resource* memory);
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  // Copies between different memory resources.
  Value& operator=(Value&& other);  // NOLINT(performance-noexcept-move-constructor)
  ~Value();
  Value(bool value);                // NOLINT(google-explicit-constructor)
  Value(std::int64_t value);        // NOLINT(google-explicit-constructor)
  Value(int value);                 // NOLINT(google-explicit-constructor)
  Value(std::string_view value);    // NOLINT(google-explicit-constructor)
  Value(const std::string& value);  // NOLINT(google-explicit-constructor)
  Value(const char* value);         // NOLINT(google-explicit-constructor)
  Value(std::nullptr_t);            // NOLINT(google-explicit-constructor)
  template <typename T>
  Value(const std::optional<T>& value) : Value(value ? Value(*value) : Value()) {}  // NOLINT

  static Value object();
  static Value object(std::initializer_list<std::pair<std::string_view, Value>> members);
  static Value array();
  static Value array(std::vector<Value> items);
  static Value number(std::string_view source_text);  // Must be a valid JSON number.

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool boolean() const { return boolean_; }
  // The characters of a string, or the source text of a number.
  std::string_view text() const { return text_; }
  const std::pmr::vector<Value>& items() const { return items_; }
  const std::pmr::vector<Member>& members() const { return members_; }
  const Value* find(std::string_view key) const;  // nullptr: absent, or not an object.

  // The number as an integer; nullopt with a fraction, an exponent or beyond +-2^53.
  std::optional<std::int64_t> integer() const;

  Value& set(std::string_view key, Value value);  // Replaces or appends; returns *this.
  Value& push(Value value);

  // Where the value began in the parsed text, from 1; 0 when it was built by hand or
  // parsed without positions.
  std::uint32_t line = 0;
  std::uint32_t column = 0;

 private:
  friend class Builder;
  friend class Printer;

  Kind kind_ = Kind::null;
  bool boolean_ = false;
  std::pmr::string text_;
  std::pmr::vector<Value> items_;
  std::pmr::vector<Member> members_;
};

struct Member {
  explicit Member(std::pmr::memory_resource* memory) : key(memory), value(memory) {}
  Member(std::string_view k, Value v) : key(k), value(std::move(v)) {}

  std::pmr::string key;
  Value value;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

}  // namespace aivault::json
