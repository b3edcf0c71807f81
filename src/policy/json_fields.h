// JsonFields: finds the members of a JSON text whose value must not be seen, byte by byte: says of
// each piece whether it passes, is a name that stays readable, or goes. Memory is bounded by the
// depth and the longest name.
// Thread: one object belongs to one thread at a time; pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace aivault::policy {

class JsonFields {
 public:
  // What becomes of the bytes. `plain` is looked through for literals, `exact` is not.
  struct Sink {
    std::function<void(std::string_view)> plain, exact;
  };
  // `names`: unescaped; outlives this.
  explicit JsonFields(const std::vector<std::string>& names);

  void feed(std::string_view in, const Sink& sink);
  void finish(const Sink& sink);    // Releases a name that never ended.
  void end_line(const Sink& sink);  // In an event of several lines: no name goes on in the next.
  // The next byte begins another document.
  void restart(const Sink& sink);
  // After a syntax error the rest of a document passes as it is.
  bool is_broken() const { return state_ == State::broken; }
  std::uint64_t hits() const { return hits_; }
  std::uint64_t errors() const { return errors_; }

 private:
  static constexpr std::size_t kMaxDepth = 512;
  enum class State : std::uint8_t {
    value,         // One must come.
    first_item,    // Or the end of the array.
    first_name,    // Or the end of the object.
    name,          // One must come.
    in_name,       // Held back.
    in_long_name,  // Too long for any of ours.
    colon,
    in_text,
    in_scalar,
    after_value,  // Comma, or the end of what is around it.
    gone_text,    // Parts of a value that goes.
    gone_scalar,
    gone_deep,
    broken,
  };

  // True: the byte was used up; false: look at it again in the new state.
  bool take(char c, const Sink& sink);
  void begin_value(char c, const Sink& sink);
  void begin_gone(char c, const Sink& sink);
  void open(char c, const Sink& sink);
  bool close(char c);
  void end_value();
  void take_name(char c, const Sink& sink);
  void end_name(const Sink& sink);
  void take_gone(char c);
  void fail(const Sink& sink);
  void pass(char c, const Sink& sink);
  void flush(const Sink& sink);
  bool is_wanted_name() const;

  const std::vector<std::string>& names_;
  std::size_t longest_name_ = 0;  // As it may be written: every character as an escape.
  State state_ = State::value;
  std::vector<char> around_;  // '{' or '['
  std::string name_;          // Held, with its quotes.
  std::string run_;           // Passes, and was not handed on yet.
  bool escaped_ = false;      // The byte before was a backslash.
  bool in_gone_text_ = false;
  bool value_goes_ = false;  // That of the name just read.
  std::size_t gone_depth_ = 0;
  std::uint64_t hits_ = 0, errors_ = 0;
};

}  // namespace aivault::policy
