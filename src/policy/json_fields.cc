#include "policy/json_fields.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace aivault::policy {
namespace {

constexpr std::string_view kGone = "\"[REDACTED]\"";
constexpr std::size_t kMaxRun = 4096;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_scalar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '+' || c == '.';
}
bool begins_scalar(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == 't' || c == 'f' || c == 'n';
}

void append_utf8(std::uint32_t code, std::string& out) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80U) return put(code);
  if (code < 0x800U) {
    put(0xC0U | code >> 6U);
  } else if (code < 0x10000U) {
    put(0xE0U | code >> 12U);
    put(0x80U | (code >> 6U & 0x3FU));
  } else {
    put(0xF0U | code >> 18U);
    put(0x80U | (code >> 12U & 0x3FU));
    put(0x80U | (code >> 6U & 0x3FU));
  }
  put(0x80U | (code & 0x3FU));
}

std::uint32_t unit_at(std::string_view text, std::size_t at) {
  std::uint32_t unit = 0;
  const auto digits = text.substr(std::min(at, text.size()), 4);
  std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
  return unit;
}

// The escape whose letter is at `at`; says how many bytes it takes from there on.
std::size_t append_escape(std::string_view raw, std::size_t at, std::string& out) {
  constexpr std::string_view kLetters = "bfnrt";
  constexpr std::string_view kMeanings = "\b\f\n\r\t";
  const char letter = raw[at];
  if (letter != 'u') {
    const auto known = kLetters.find(letter);
    out += known == std::string_view::npos ? letter : kMeanings[known];
    return 1;
  }
  auto code = unit_at(raw, at + 1);
  std::size_t used = 5;
  const bool is_high = code >= 0xD800U && code < 0xDC00U;
  if (is_high && raw.substr(std::min(at + used, raw.size()), 2) == "\\u") {
    code = 0x10000U + ((code - 0xD800U) << 10U) + (unit_at(raw, at + used + 2) - 0xDC00U);
    used += 6;
  }
  append_utf8(code, out);
  return used;
}

std::string unescaped(std::string_view raw) {
  std::string text;
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\' || at + 1 == raw.size()) {
      text += raw[at++];
    } else {
      at += 1 + append_escape(raw, at + 1, text);
    }
  }
  return text;
}

}  // namespace

JsonFields::JsonFields(const std::vector<std::string>& names) : names_(names) {
  constexpr std::size_t kEscape = 6;
  for (const auto& name : names) longest_name_ = std::max(longest_name_, name.size() * kEscape + 2);
}

void JsonFields::feed(std::string_view in, const Sink& sink) {
  for (const char c : in) {
    while (!take(c, sink)) {
    }
  }
  flush(sink);
}

void JsonFields::finish(const Sink& sink) {
  run_ += std::exchange(name_, {});
  flush(sink);
}

void JsonFields::restart(const Sink& sink) {
  finish(sink);
  state_ = State::value;
  around_.clear();
  escaped_ = value_goes_ = in_gone_text_ = false;
}

void JsonFields::flush(const Sink& sink) {
  if (run_.empty()) return;
  sink.plain(run_);
  run_.clear();
}

void JsonFields::pass(char c, const Sink& sink) {
  run_ += c;
  if (run_.size() >= kMaxRun) flush(sink);
}

void JsonFields::fail(const Sink& sink) {
  finish(sink);
  state_ = State::broken;
  value_goes_ = false;
  ++errors_;
}

void JsonFields::end_line(const Sink& sink) {
  if (state_ == State::in_name) fail(sink);
}

bool JsonFields::take(char c, const Sink& sink) {
  switch (state_) {
    case State::broken: pass(c, sink); return true;
    case State::gone_text:
    case State::gone_deep: take_gone(c); return true;
    case State::gone_scalar:
      if (is_scalar(c)) return true;
      end_value();
      return false;
    case State::in_scalar:
      if (is_scalar(c)) {
        pass(c, sink);
        return true;
      }
      end_value();
      return false;
    case State::in_name:
    case State::in_long_name:
    case State::in_text: take_name(c, sink); return true;
    default: break;
  }
  if (is_blank(c)) {
    pass(c, sink);
    return true;
  }
  switch (state_) {
    case State::first_item:
      if (c == ']' && close(c)) {
        pass(c, sink);
        return true;
      }
      state_ = State::value;
      [[fallthrough]];
    case State::value: begin_value(c, sink); return true;
    case State::first_name:
      if (c == '}' && close(c)) {
        pass(c, sink);
        return true;
      }
      state_ = State::name;
      [[fallthrough]];
    case State::name:
      if (c != '"') break;
      state_ = State::in_name;
      name_ = c;
      return true;
    case State::colon:
      if (c != ':') break;
      state_ = State::value;
      pass(c, sink);
      return true;
    case State::after_value:
      if (around_.empty()) {  // Another document.
        state_ = State::value;
        return false;
      }
      if (c == ',') {
        state_ = around_.back() == '{' ? State::name : State::value;
      } else if (!close(c)) {
        break;
      }
      pass(c, sink);
      return true;
    default: break;
  }
  fail(sink);
  pass(c, sink);
  return true;
}

void JsonFields::begin_value(char c, const Sink& sink) {
  const bool opens = c == '{' || c == '[';
  const bool too_deep = opens && around_.size() == kMaxDepth;
  if ((value_goes_ || too_deep) && (opens || c == '"' || begins_scalar(c))) {
    return begin_gone(c, sink);
  }
  if (opens) return open(c, sink);
  if (c == '"') {
    state_ = State::in_text;
  } else if (begins_scalar(c)) {
    state_ = State::in_scalar;
  } else {
    fail(sink);
  }
  pass(c, sink);
}

void JsonFields::open(char c, const Sink& sink) {
  around_.push_back(c);
  state_ = c == '{' ? State::first_name : State::first_item;
  pass(c, sink);
}

void JsonFields::begin_gone(char c, const Sink& sink) {
  value_goes_ = false;
  ++hits_;
  flush(sink);
  sink.exact(kGone);
  escaped_ = in_gone_text_ = false;
  if (c == '"') {
    state_ = State::gone_text;
  } else if (c == '{' || c == '[') {
    state_ = State::gone_deep;
    gone_depth_ = 1;
  } else {
    state_ = State::gone_scalar;
  }
}

bool JsonFields::close(char c) {
  const bool fits = !around_.empty() &&
                    ((c == '}' && around_.back() == '{') || (c == ']' && around_.back() == '['));
  if (!fits) return false;
  around_.pop_back();
  end_value();
  return true;
}

void JsonFields::end_value() { state_ = State::after_value; }

// Of a text that passes, too.
void JsonFields::take_name(char c, const Sink& sink) {
  const bool is_held = state_ == State::in_name;
  if (static_cast<unsigned char>(c) < 0x20U) {
    fail(sink);
    return pass(c, sink);
  }
  if (is_held) {
    name_ += c;
  } else {
    pass(c, sink);
  }
  const bool ends = c == '"' && !escaped_;
  escaped_ = c == '\\' && !escaped_;
  if (ends && state_ == State::in_text) return end_value();
  if (ends) return end_name(sink);
  if (is_held && name_.size() > longest_name_) {
    run_ += std::exchange(name_, {});
    state_ = State::in_long_name;
  }
}

bool JsonFields::is_wanted_name() const {
  if (name_.size() < 2) return false;
  const auto text = unescaped(std::string_view(name_).substr(1, name_.size() - 2));
  return std::ranges::find(names_, text) != names_.end();
}

void JsonFields::end_name(const Sink& sink) {
  value_goes_ = state_ == State::in_name && is_wanted_name();
  if (value_goes_) {
    flush(sink);
    sink.exact(name_);
  } else {
    run_ += name_;
  }
  name_.clear();
  state_ = State::colon;
}

void JsonFields::take_gone(char c) {
  const bool in_text = state_ == State::gone_text || in_gone_text_;
  if (in_text) {
    const bool ends = c == '"' && !escaped_;
    escaped_ = c == '\\' && !escaped_;
    if (!ends) return;
    in_gone_text_ = false;
    if (state_ == State::gone_text) end_value();
    return;
  }
  if (c == '"') in_gone_text_ = true;
  if (c == '{' || c == '[') ++gone_depth_;
  if ((c == '}' || c == ']') && --gone_depth_ == 0) end_value();
}

}  // namespace aivault::policy
