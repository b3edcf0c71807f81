#include "cli/env_file.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace aivault::cli {
namespace {

constexpr std::string_view kExport = "export";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Of a variable: what else stands before a '=' may be a piece of a secret that spans lines.
bool is_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) && std::ranges::all_of(name, [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

std::optional<char> unescaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case '"':
    case '\\':
    case '$': return c;
    default: return std::nullopt;
  }
}

class Parser {
 public:
  Parser(std::span<char> text, std::size_t most) : text_(text), most_(most) {}

  EnvFile run() {
    while (next_ < text_.size()) parse_line();
    return std::move(file_);
  }

 private:
  std::string_view line() const {
    const std::string_view rest(text_.data() + next_, text_.size() - next_);
    return rest.substr(0, rest.find('\n'));
  }

  void fail(std::string_view what) { file_.bad.push_back({number_, std::string(what)}); }

  void skip_line() {
    next_ += line().size() + 1;
    ++number_;
  }

  void parse_line() {
    const auto whole = line();
    auto rest = trim(whole);
    if (rest.empty() || rest.starts_with('#')) return skip_line();
    if (file_.entries.size() >= most_) {
      fail("more than " + std::to_string(most_) + " entries; split the file");
      next_ = text_.size();
      return;
    }
    if (rest.starts_with(kExport) && rest.size() > kExport.size() &&
        is_blank(rest[kExport.size()])) {
      rest = trim(rest.substr(kExport.size()));
    }
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return refuse("expected KEY=VALUE");
    const auto name = trim(rest.substr(0, equals));
    if (name.empty()) return refuse("entry key cannot be empty");
    if (!is_name(name)) return refuse("the key is not a variable name");
    name_ = name;
    const auto value = rest.substr(equals + 1);
    next_ = static_cast<std::size_t>(value.data() - text_.data());
    parse_value();
  }

  void refuse(std::string_view what) {
    fail(what);
    skip_line();
  }

  void parse_value() {
    auto value = line();
    while (!value.empty() && is_blank(value.front())) value.remove_prefix(1);
    if (value.starts_with('\'') || value.starts_with('"')) {
      next_ = static_cast<std::size_t>(value.data() - text_.data());
      return parse_quoted(value.front());
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      const bool begins = i == 0 || is_blank(value[i - 1]);
      if (value[i] == '#' && begins) value = value.substr(0, i);
    }
    add(trim(value));
    skip_line();
  }

  // At the opening quote. Without a closing one nothing behind it can be told from the value.
  void parse_quoted(char quote) {
    const auto begin = next_ + 1;
    auto write = begin;
    const auto first_line = number_;
    bool is_wrong = false;
    for (auto read = begin; read < text_.size(); ++read) {
      char c = text_[read];
      if (c == '\n') ++number_;
      if (c == quote) {
        next_ = read + 1;
        return finish_quoted({text_.data() + begin, write - begin}, first_line, is_wrong);
      }
      if (quote == '"' && c == '\\' && read + 1 < text_.size()) {
        const auto meant = unescaped(text_[++read]);
        is_wrong = is_wrong || !meant;
        if (text_[read] == '\n') ++number_;
        c = meant.value_or(c);
      }
      text_[write++] = c;
    }
    file_.bad.push_back({first_line, "the quote does not end; the rest of the file was not read"});
    next_ = text_.size();
  }

  void finish_quoted(std::string_view value, std::size_t first_line, bool is_wrong) {
    const auto behind = trim(line());
    if (is_wrong) {
      file_.bad.push_back({first_line, R"(only \n \r \t \" \\ \$ are known in double quotes)"});
    } else if (!behind.empty() && !behind.starts_with('#')) {
      fail("text behind the closing quote");
    } else {
      add(value);
    }
    skip_line();
  }

  void add(std::string_view value) {
    file_.entries.push_back({std::string(name_), Secret::copy_of(value)});
  }

  std::span<char> text_;
  std::size_t most_;
  std::size_t next_ = 0;
  std::size_t number_ = 1;
  std::string name_;
  EnvFile file_;
};

}  // namespace

EnvFile parse_env_file(std::span<char> text, std::size_t most) { return Parser(text, most).run(); }

}  // namespace aivault::cli
