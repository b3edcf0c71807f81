#include "policy/read_only.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "json/parse.h"
#include "registry/registry.h"

namespace aivault::policy {
namespace {

using json::Kind;

tl::unexpected<Error> refused() {
  return policy_violation("agent_read_only", "agent is read-only");
}

std::string query_text(const http::Target& target) {
  std::string text;
  for (const auto& piece : target.query()) {
    if (!text.empty()) text += '&';
    text += piece.wire;
  }
  return text;
}

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

// The tokens of a GraphQL document. Everything that servers might read differently is an error.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  struct Token {
    enum class Kind : std::uint8_t { end, punctuator, name, value, error } kind = Kind::error;
    std::string_view text;
  };
  Token next() {
    if (!skip_ignored()) return {};
    if (rest_.empty()) return {Token::Kind::end, {}};
    const char c = rest_.front();
    if (is_name_start(c)) return take(Token::Kind::name, name_size());
    if (rest_.starts_with("...")) return take(Token::Kind::punctuator, 3);
    if (std::string_view("!$&():=@[]{|}").find(c) != std::string_view::npos) {
      return take(Token::Kind::punctuator, 1);
    }
    const auto size = rest_.starts_with(R"(""")") ? block_string_size()
                      : c == '"'                  ? string_size()
                                                  : number_size();
    return size == 0 ? Token() : take(Token::Kind::value, size);
  }

 private:
  Token take(Token::Kind kind, std::size_t size) {
    const Token token{kind, rest_.substr(0, size)};
    rest_.remove_prefix(size);
    return token;
  }
  // Blanks, commas and comments. False: a comment that not every server ends at the same place.
  bool skip_ignored() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '#') {
        const auto end = std::min(rest_.find_first_of("\r\n"), rest_.size());
        const auto comment = rest_.substr(0, end);
        const bool plain = std::ranges::all_of(
            comment, [](char each) { return each == '\t' || (each >= ' ' && each <= '~'); });
        if (!plain) return false;
        rest_.remove_prefix(end);
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
        rest_.remove_prefix(1);
      } else {
        break;
      }
    }
    return true;
  }
  std::size_t name_size() const {
    const auto end = std::ranges::find_if_not(rest_, is_name_part);
    return static_cast<std::size_t>(end - rest_.begin());
  }
  std::size_t number_size() const {
    constexpr std::string_view kNumber = "+-.0123456789eE";
    const auto size = std::min(rest_.find_first_not_of(kNumber), rest_.size());
    return size < rest_.size() && is_name_start(rest_[size]) ? 0 : size;
  }
  std::size_t string_size() const {
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '"') {
        return i + 1;
      } else if (rest_[i] == '\n' || rest_[i] == '\r') {
        return 0;
      }
    }
    return 0;
  }
  std::size_t block_string_size() const {
    constexpr std::string_view kQuotes = R"(""")";
    for (std::size_t at = kQuotes.size();;) {
      at = rest_.find(kQuotes, at);
      if (at == std::string_view::npos) return 0;
      if (rest_[at - 1] != '\\') return at + kQuotes.size();
      at += kQuotes.size();
    }
  }

  std::string_view rest_;
};

using Token = Lexer::Token;

// The rest of a definition whose first token was taken: to the end of its selection set.
bool skip_definition(Lexer& lexer, const Token& first) {
  constexpr std::size_t kMaxDepth = 128;
  std::vector<char> open;
  for (auto token = first;; token = lexer.next()) {
    if (token.kind == Token::Kind::end || token.kind == Token::Kind::error) return false;
    if (token.kind != Token::Kind::punctuator) continue;
    const char c = token.text.front();
    if (c == '(' || c == '[' || c == '{') {
      if (open.size() >= kMaxDepth) return false;
      open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) return false;
      open.pop_back();
      if (open.empty() && c == '}') return true;
    }
  }
}

bool holds_only_queries(std::string_view document) {
  // Line ends to some readers and not to others.
  for (const std::string_view strange : {"\xE2\x80\xA8", "\xE2\x80\xA9"}) {
    if (document.find(strange) != std::string_view::npos) return false;
  }
  Lexer lexer(document);
  bool found = false;
  for (;;) {
    const auto token = lexer.next();
    if (token.kind == Token::Kind::end) return found;
    const bool is_query = token.text == "{" || token.text == "query";
    if (!is_query && token.text != "fragment") return false;
    found = found || is_query;
    if (!skip_definition(lexer, token)) return false;
  }
}

// No persisted query, no batch, no key that a server might take for either.
bool has_known_keys(const json::Value& request) {
  return request.is(Kind::object) &&
         std::ranges::all_of(request.members(), [](const json::Member& member) {
           const std::string_view key = member.key;
           const auto kind = member.value.kind();
           if (key == "query") return kind == Kind::string;
           if (key == "operationName") return kind == Kind::string || kind == Kind::null;
           return key == "variables" && (kind == Kind::object || kind == Kind::null);
         });
}

bool is_json(std::string_view content_type) {
  const auto semicolon = std::min(content_type.find(';'), content_type.size());
  if (!equals_ignore_case(trim(content_type.substr(0, semicolon)), "application/json"))
    return false;
  if (semicolon == content_type.size()) return true;
  return equals_ignore_case(trim(content_type.substr(semicolon + 1)), "charset=utf-8");
}

}  // namespace

bool is_graphql_call(const registry::Capability& capability, std::string_view method) {
  return capability.form == registry::PathForm::pattern && capability.graphql &&
         equals_ignore_case(method, "POST");
}

Result<void> check_read_only(const registry::Capability& capability,
                             std::string_view method,
                             const http::Target& target) {
  if (capability.form == registry::PathForm::prefix) {
    constexpr std::array<std::string_view, 3> kReading = {"GET", "HEAD", "OPTIONS"};
    const bool reads = std::ranges::any_of(
        kReading, [method](std::string_view each) { return equals_ignore_case(each, method); });
    return reads ? Result<void>() : refused();
  }
  if (is_graphql_call(capability, method)) {
    // Servers prefer what stands in the URL to the body that is judged.
    return target.query().empty() ? Result<void>() : refused();
  }
  const auto value = registry::class_of(capability, method, target.path(), query_text(target));
  return value == registry::CallClass::read ? Result<void>() : refused();
}

registry::CallClass class_of_graphql(std::string_view content_type, std::string_view body) {
  using enum registry::CallClass;
  if (!is_json(content_type)) return destructive;
  const auto request = json::parse(body);
  if (!request || !has_known_keys(*request)) return destructive;
  const auto* query = request->find("query");
  return query != nullptr && holds_only_queries(query->text()) ? read : destructive;
}

Result<void> check_read_only_graphql(std::string_view content_type, std::string_view body) {
  const auto value = class_of_graphql(content_type, body);
  return value == registry::CallClass::read ? Result<void>() : refused();
}

}  // namespace aivault::policy
