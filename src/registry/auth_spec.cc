#include "registry/auth_spec.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "http/message.h"
#include "registry/header_names.h"
#include "registry/template.h"

namespace aivault::registry {
namespace {

constexpr std::string_view kSecretField = "{{secret}}";

tl::unexpected<Error> malformed(std::string message) {
  return invalid_request("record_invalid", std::move(message));
}
tl::unexpected<Error> refused(std::string message) {
  return policy_violation("auth_config", std::move(message));
}

// Tags are spelled in several ways; this is the stored one.
std::string canonical_tag(std::string_view raw) {
  std::string tag = to_lower(trim(raw));
  std::ranges::replace(tag, '-', '_');
  if (tag == "oauth2") return "o_auth2";
  if (tag == "aws_sigv4") return "aws_sig_v4";
  return tag;
}

constexpr std::array<std::string_view, 4> kServed = {"header", "path", "query", "basic"};
constexpr std::array<std::string_view, 8> kKnownButNotServed = {
    "multi_header", "multi_query", "o_auth2", "aws_sig_v4", "hmac", "mtls", "jwt", "github_app"};

Result<void> check_tag(const std::string& tag, std::string_view raw) {
  if (std::ranges::find(kServed, tag) != kServed.end()) return {};
  const std::string quoted = "'" + quote_for_message(trim(raw)) + "'";
  if (std::ranges::find(kKnownButNotServed, tag) != kKnownButNotServed.end()) {
    return malformed("auth kind " + quoted + " is not available in this version");
  }
  return refused("unknown auth.type " + quoted);
}

// The string fields of one auth object, each under either of its two spellings.
class Fields {
 public:
  Fields(std::string tag, const json::Value& object) : tag_(std::move(tag)), object_(object) {}

  // Call once per known field, then finish().
  Result<std::optional<std::string>> take(std::string_view snake, std::string_view camel) {
    const json::Value* one = object_.find(snake);
    const json::Value* other = object_.find(camel);
    taken_.emplace_back(snake);
    taken_.emplace_back(camel);
    if (one != nullptr && other != nullptr) {
      return malformed(tag_ + " auth gives " + std::string(camel) + " and " + std::string(snake) +
                       ": use one of them");
    }
    const json::Value* found = one != nullptr ? one : other;
    if (found == nullptr || found->is(json::Kind::null)) return std::optional<std::string>();
    if (!found->is(json::Kind::string)) {
      return malformed(tag_ + " auth " + std::string(camel) + " must be a string");
    }
    return std::optional<std::string>(found->text());
  }

  Result<void> finish(bool type_form) {
    for (const auto& member : object_.members()) {
      if (type_form && member.key == "type") continue;
      if (std::ranges::find(taken_, std::string_view(member.key)) == taken_.end()) {
        return malformed("unknown field '" + quote_for_message(member.key) + "' in " + tag_ +
                         " auth");
      }
    }
    return {};
  }

 private:
  std::string tag_;
  const json::Value& object_;
  std::vector<std::string> taken_;
};

Result<void> check_text(std::string_view tag, std::string_view field, std::string_view text) {
  const std::string what = std::string(tag) + " auth " + std::string(field);
  if (has_control(text)) return malformed(what + " contains a control character");
  if (!is_valid_utf8(text)) return malformed(what + " must be UTF-8");
  return {};
}

Result<void> check(const HeaderAuth& auth) {
  if (auth.header_name.empty()) return malformed("header auth requires non-empty headerName");
  const std::string quoted = "'" + quote_for_message(auth.header_name) + "'";
  if (!http::is_token(auth.header_name)) return malformed("invalid header name " + quoted);
  if (is_broker_header(auth.header_name)) {
    return malformed("header auth cannot set " + quoted + ": the broker manages it");
  }
  if (trim(auth.value_template).empty()) {
    return malformed("header auth requires non-empty valueTemplate");
  }
  TRY(check_text("header", "valueTemplate", auth.value_template));
  if (!http::is_field_value(auth.value_template)) {
    return malformed("header auth valueTemplate must be visible ASCII");
  }
  if (auth.value_template.find(kSecretField) == std::string::npos) {
    return malformed("header auth valueTemplate must contain {{secret}}");
  }
  return {};
}

Result<void> check(const PathAuth& auth) {
  const std::string_view text = auth.prefix_template;
  TRY(check_text("path", "prefixTemplate", text));
  if (!text.starts_with('/')) return refused("path auth prefixTemplate must start with '/'");
  if (text.find_first_of("?#") != std::string_view::npos) {
    return refused("path auth prefixTemplate cannot include query or fragment");
  }
  const auto first = text.find(kSecretField);
  if (first == std::string_view::npos ||
      text.find(kSecretField, first + 1) != std::string_view::npos) {
    return refused("path auth prefixTemplate must contain exactly one {{secret}}");
  }
  return {};
}

Result<void> check(const QueryAuth& auth) {
  if (trim(auth.param_name).empty()) return malformed("query auth requires non-empty paramName");
  return check_text("query", "paramName", auth.param_name);
}

Result<void> check(const BasicAuth& auth) {
  if (!auth.templated) return {};
  TRY(check_text("basic", "usernameTemplate", auth.username_template));
  TRY(check_text("basic", "passwordTemplate", auth.password_template));
  TRY_ASSIGN(const auto username, placeholders_of(auth.username_template));
  TRY_ASSIGN(const auto password, placeholders_of(auth.password_template));
  if (username.empty() && password.empty()) {
    return malformed("basic auth requires a placeholder in usernameTemplate or passwordTemplate");
  }
  return {};
}

Result<AuthSpec> parse_fields(const std::string& tag, const json::Value& object, bool type_form) {
  if (!object.is(json::Kind::object)) return malformed(tag + " auth must be an object");
  Fields fields(tag, object);
  AuthSpec spec;
  if (tag == "header") {
    HeaderAuth auth;
    TRY_ASSIGN(auto name, fields.take("header_name", "headerName"));
    TRY_ASSIGN(auto value, fields.take("value_template", "valueTemplate"));
    if (name) auth.header_name = to_lower(trim(*name));
    if (value) auth.value_template = *std::move(value);
    spec = std::move(auth);
  } else if (tag == "path") {
    PathAuth auth;
    TRY_ASSIGN(auto prefix, fields.take("prefix_template", "prefixTemplate"));
    if (prefix) auth.prefix_template = trim(*prefix);
    spec = std::move(auth);
  } else if (tag == "query") {
    QueryAuth auth;
    TRY_ASSIGN(auto name, fields.take("param_name", "paramName"));
    if (name) auth.param_name = trim(*name);
    spec = std::move(auth);
  } else {
    BasicAuth auth;
    TRY_ASSIGN(auto username, fields.take("username_template", "usernameTemplate"));
    TRY_ASSIGN(auto password, fields.take("password_template", "passwordTemplate"));
    if (username.has_value() != password.has_value()) {
      return malformed("basic auth takes both usernameTemplate and passwordTemplate, or neither");
    }
    if (username && password) {
      auth = BasicAuth{*std::move(username), *std::move(password), true};
    }
    spec = std::move(auth);
  }
  TRY(fields.finish(type_form));
  TRY(std::visit([](const auto& auth) { return check(auth); }, spec));
  return spec;
}

}  // namespace

Result<AuthSpec> parse_auth(const json::Value& value) {
  if (value.is(json::Kind::string)) {
    const std::string tag = canonical_tag(value.text());
    TRY(check_tag(tag, value.text()));
    return parse_fields(tag, json::Value::object(), false);
  }
  if (!value.is(json::Kind::object)) return malformed("auth must be a string or an object");
  if (const json::Value* type = value.find("type"); type != nullptr) {
    if (!type->is(json::Kind::string)) return malformed("auth.type must be a string");
    const std::string tag = canonical_tag(type->text());
    TRY(check_tag(tag, type->text()));
    return parse_fields(tag, value, true);
  }
  if (value.members().size() != 1) return malformed("auth must be an object with exactly one tag");
  const auto& [key, inner, line, column] = value.members().front();
  const std::string tag = canonical_tag(key);
  TRY(check_tag(tag, key));
  return parse_fields(tag, inner, false);
}

json::Value to_json(const AuthSpec& spec) {
  struct Printer {
    json::Value operator()(const HeaderAuth& auth) const {
      return json::Value::object(
          {{"header",
            json::Value::object(
                {{"header_name", auth.header_name}, {"value_template", auth.value_template}})}});
    }
    json::Value operator()(const PathAuth& auth) const {
      return json::Value::object(
          {{"path", json::Value::object({{"prefix_template", auth.prefix_template}})}});
    }
    json::Value operator()(const QueryAuth& auth) const {
      return json::Value::object(
          {{"query", json::Value::object({{"param_name", auth.param_name}})}});
    }
    json::Value operator()(const BasicAuth& auth) const {
      if (!auth.templated) return "basic";
      return json::Value::object(
          {{"basic",
            json::Value::object({{"username_template", auth.username_template},
                                 {"password_template", auth.password_template}})}});
    }
  };
  return std::visit(Printer{}, spec);
}

std::string_view auth_word(const AuthSpec& spec) { return kServed[spec.index()]; }

std::vector<std::string> managed_headers(const AuthSpec& spec) {
  if (const auto* header = std::get_if<HeaderAuth>(&spec)) return {header->header_name};
  if (std::holds_alternative<BasicAuth>(spec)) return {"authorization"};
  return {};
}

std::vector<std::string> managed_parameters(const AuthSpec& spec) {
  if (const auto* query = std::get_if<QueryAuth>(&spec)) return {query->param_name};
  return {};
}

}  // namespace aivault::registry
