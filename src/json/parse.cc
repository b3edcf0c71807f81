#include "json/parse.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>

#include "base/wipe.h"

namespace aivault::json {
namespace {

struct Cursor {
  std::size_t offset = 0;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

}  // namespace

// The handler that boost::json::basic_parser drives. Not in the anonymous namespace because
// Value names it as a friend.
class Builder {
 public:
  // The names are those that the parser wants of a handler.
  // NOLINTBEGIN(readability-identifier-naming)
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = boost::json::error_code;
  // NOLINTEND(readability-identifier-naming)

  Builder(std::pmr::memory_resource* memory, Limits limits)
      : memory_(memory), limits_(limits), key_(memory), text_(memory) {}

  Value take() { return std::move(root_.front()); }
  const std::string& problem() const { return problem_; }
  Cursor cursor;  // The next byte.
  Cursor token;   // Where the last key, value or bracket began.

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& ec) { return open(Kind::object, ec); }
  bool on_object_end(std::size_t, error_code& ec) {
    const Member* repeated =
        limits_.duplicates == Duplicates::refused ? first_repeated(*stack_.back()) : nullptr;
    if (repeated != nullptr) {
      token.line = repeated->line;
      token.column = repeated->column;
      return refuse("holds a duplicate key", ec);
    }
    return close();
  }
  bool on_array_begin(error_code& ec) { return open(Kind::array, ec); }
  bool on_array_end(std::size_t, error_code&) { return close(); }
  bool on_key_part(boost::json::string_view part, std::size_t, error_code&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(boost::json::string_view part, std::size_t, error_code& ec) {
    key_.append(part.data(), part.size());
    if (++keys_ > limits_.keys) return refuse("has too many keys", ec);
    auto& members = stack_.back()->members_;
    auto& member = members.emplace_back(memory_);
    member.key = key_;
    member.line = token.line;
    member.column = token.column;
    key_.clear();
    return true;
  }
  bool on_string_part(boost::json::string_view part, std::size_t, error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(boost::json::string_view part, std::size_t, error_code& ec) {
    return text(Kind::string, part, ec);
  }
  bool on_number_part(boost::json::string_view part, error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t, boost::json::string_view part, error_code& ec) {
    return text(Kind::number, part, ec);
  }
  bool on_uint64(std::uint64_t, boost::json::string_view part, error_code& ec) {
    return text(Kind::number, part, ec);
  }
  bool on_double(double, boost::json::string_view part, error_code& ec) {
    return text(Kind::number, part, ec);
  }
  bool on_bool(bool boolean, error_code& ec) {
    Value* value = place(Kind::boolean, ec);
    if (value != nullptr) value->boolean_ = boolean;
    return value != nullptr;
  }
  bool on_null(error_code& ec) { return place(Kind::null, ec) != nullptr; }
  bool on_comment_part(boost::json::string_view, error_code&) { return true; }
  bool on_comment(boost::json::string_view, error_code&) { return true; }

 private:
  // Where the next value goes: the root, the open array, or the member whose key came last.
  // nullptr: there are too many.
  Value* place(Kind kind, error_code& ec) {
    if (++values_ > limits_.values) {
      refuse("has too many values", ec);
      return nullptr;
    }
    Value* value = nullptr;
    if (stack_.empty()) {
      value = &root_.emplace_back(memory_);
    } else if (stack_.back()->kind_ == Kind::array) {
      value = &stack_.back()->items_.emplace_back(memory_);
    } else {
      value = &stack_.back()->members_.back().value;
    }
    value->kind_ = kind;
    value->line = token.line;
    value->column = token.column;
    return value;
  }
  bool open(Kind kind, error_code& ec) {
    Value* value = place(kind, ec);
    if (value == nullptr) return false;
    stack_.push_back(value);
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }
  bool text(Kind kind, boost::json::string_view part, error_code& ec) {
    text_.append(part.data(), part.size());
    Value* value = place(kind, ec);
    if (value == nullptr) return false;
    value->text_ = std::move(text_);
    // A short text stays behind in the string object.
    text_.resize(text_.capacity());  // NOLINT(clang-analyzer-cplusplus.Move): nobody reads it.
    wipe(text_.data(), text_.size());
    text_.clear();
    return true;
  }
  // The first member whose key came before; nullptr: none. By sorting, whose cost no choice of
  // keys can drive up as it can that of a hash table.
  const Member* first_repeated(const Value& object) {
    const auto& members = object.members_;
    if (members.size() < 2) return nullptr;
    by_key_.clear();
    for (const auto& member : members) by_key_.push_back(&member);
    std::ranges::sort(by_key_, [](const Member* a, const Member* b) {
      const int order = a->key.compare(b->key);
      return order != 0 ? order < 0 : a < b;
    });
    const Member* first = nullptr;
    for (std::size_t i = 1; i < by_key_.size(); ++i) {
      if (by_key_[i - 1]->key != by_key_[i]->key) continue;
      if (first == nullptr || by_key_[i] < first) first = by_key_[i];
    }
    return first;
  }
  bool refuse(std::string_view what, error_code& ec) {
    problem_ = what;
    ec = boost::json::error::extra_data;
    return false;
  }

  std::pmr::memory_resource* memory_;
  Limits limits_;
  std::vector<Value> root_;
  std::vector<Value*> stack_;  // Elements stay put: a parent grows only after its child closed.
  std::vector<const Member*> by_key_;
  std::size_t keys_ = 0;
  std::size_t values_ = 0;
  std::pmr::string key_;
  std::pmr::string text_;
  std::string problem_;
};

namespace {

// Follows the bytes of a document to know where its tokens begin.
class TokenStarts {
 public:
  bool begins_at(char c) {
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
      return false;
    }
    const bool was_in_word = std::exchange(in_word_, false);
    switch (c) {
      case '"': in_string_ = true; return true;
      case '{':
      case '[': return true;
      case ' ':
      case '\t':
      case '\r':
      case '\n':
      case ',':
      case ':':
      case ']':
      case '}': return false;
      default: in_word_ = true; return !was_in_word;
    }
  }

 private:
  bool in_string_ = false;
  bool escaped_ = false;
  bool in_word_ = false;
};

}  // namespace

tl::expected<Value, Failure> parse_located(std::string_view text,
                                           Limits limits,
                                           Positions positions,
                                           std::pmr::memory_resource* memory) {
  if (text.size() > limits.bytes) return tl::unexpected(Failure{1, 1, "is too large"});
  boost::json::parse_options options;
  options.max_depth = limits.depth;
  boost::json::basic_parser<Builder> parser(options, memory, limits);
  auto& builder = parser.handler();
  boost::json::error_code ec;
  std::size_t used = 0;
  if (positions == Positions::none) {
    used = parser.write_some(false, text.data(), text.size(), ec);
  } else {
    // One byte at a time, so that the cursor is exact whenever the handler is called.
    TokenStarts starts;
    for (; used < text.size() && !ec; ++used) {
      if (parser.done()) break;
      if (starts.begins_at(text[used])) builder.token = builder.cursor;
      if (parser.write_some(true, text.data() + used, 1, ec) == 0) break;
      const bool newline = text[used] == '\n';
      builder.cursor.line += newline ? 1 : 0;
      builder.cursor.column = newline ? 1 : builder.cursor.column + 1;
    }
    if (!ec) parser.write_some(false, "", 0, ec);
  }
  if (!ec && parser.done()) {
    while (used < text.size() &&
           (text[used] == ' ' || text[used] == '\n' || text[used] == '\r' || text[used] == '\t')) {
      ++used;
    }
    if (used < text.size()) ec = boost::json::error::extra_data;
  }
  if (ec) {
    const bool refused = !builder.problem().empty();
    const Cursor& at = refused ? builder.token : builder.cursor;
    return tl::unexpected(
        Failure{at.line, at.column, refused ? builder.problem() : "is not valid: " + ec.message()});
  }
  return builder.take();
}

Result<Value> parse(std::string_view text,
                    Limits limits,
                    Positions positions,
                    std::pmr::memory_resource* memory) {
  auto value = parse_located(text, limits, positions, memory);
  if (value) return *std::move(value);
  const Failure& failure = value.error();
  std::string message = "JSON " + failure.what;
  if (positions == Positions::every_value) {
    message += " (line " + std::to_string(failure.line) + ", column " +
               std::to_string(failure.column) + ")";
  }
  return invalid_request("record_invalid", std::move(message));
}

}  // namespace aivault::json
