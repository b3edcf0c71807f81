#include "registry/auth_spec.h"

#include <algorithm>

#include "base/text.h"
#include "registry/auth_checks.h"
#include "registry/auth_parsers.h"
#include "registry/auth_words.h"

namespace aivault::registry {
namespace {

tl::unexpected<Error> malformed(std::string message) {
  return invalid_request("record_invalid", std::move(message));
}

Result<std::size_t> find_kind(std::string_view raw) {
  const std::string tag = canonical_tag(raw);
  const std::string quoted = "'" + quote_for_message(trim(raw)) + "'";
  if (tag == "aws_sig_v4a" || tag == "aws_sigv4a") return malformed("SigV4A is not offered");
  const auto* const found = std::ranges::find(kAuthTags, std::string_view(tag));
  if (found == std::end(kAuthTags)) {
    return policy_violation("auth_config", "unknown auth.type " + quoted);
  }
  return static_cast<std::size_t>(found - std::begin(kAuthTags));
}

Result<AuthSpec> parse_checked(std::size_t kind,
                               const json::Value& object,
                               bool type_form,
                               AuthForm form) {
  TRY_ASSIGN(auto spec, parse_fields(kind, object, type_form, form));
  TRY(std::visit([](const auto& auth) { return check(auth); }, spec));
  return spec;
}

std::vector<std::string> names_of(const std::vector<FieldTemplate>& templates) {
  std::vector<std::string> names;
  for (const auto& entry : templates) names.push_back(entry.name);
  return names;
}

struct Headers {
  using Names = std::vector<std::string>;
  Names operator()(const HeaderAuth& auth) const { return {auth.header_name}; }
  Names operator()(const PathAuth& /*auth*/) const { return {}; }
  Names operator()(const QueryAuth& /*auth*/) const { return {}; }
  Names operator()(const BasicAuth& /*auth*/) const { return {"authorization"}; }
  Names operator()(const MultiHeaderAuth& auth) const { return names_of(auth.headers); }
  Names operator()(const MultiQueryAuth& /*auth*/) const { return {}; }
  Names operator()(const HmacAuth& auth) const {
    if (auth.payload != HmacPayload::timestamp) return {auth.header_name};
    return {auth.header_name, std::string(kTimestampHeader)};
  }
  Names operator()(const AwsSigV4Auth& /*auth*/) const {
    return {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"};
  }
  Names operator()(const MtlsAuth& /*auth*/) const { return {}; }
  Names operator()(const JwtAuth& auth) const { return {auth.header_name}; }
  Names operator()(const OAuth2Auth& auth) const {
    return auth.inject.empty() ? Names{"authorization"} : names_of(auth.inject);
  }
  Names operator()(const GithubAppAuth& /*auth*/) const { return {"authorization"}; }
};

}  // namespace

Result<AuthSpec> parse_auth(const json::Value& value, AuthForm form) {
  if (value.is(json::Kind::string)) {
    TRY_ASSIGN(const auto kind, find_kind(value.text()));
    return parse_checked(kind, json::Value::object({{"type", value}}), true, form);
  }
  if (!value.is(json::Kind::object)) return malformed("auth must be a string or an object");
  if (const json::Value* type = value.find("type"); type != nullptr) {
    if (!type->is(json::Kind::string)) return malformed("auth.type must be a string");
    TRY_ASSIGN(const auto kind, find_kind(type->text()));
    return parse_checked(kind, value, true, form);
  }
  if (value.members().size() != 1) return malformed("auth must be an object with exactly one tag");
  const auto& [key, inner, line, column] = value.members().front();
  TRY_ASSIGN(const auto kind, find_kind(key));
  return parse_checked(kind, inner, false, form);
}

std::string_view auth_word(const AuthSpec& spec) { return kAuthWords[spec.index()]; }

std::vector<std::string> managed_headers(const AuthSpec& spec) {
  return std::visit(Headers{}, spec);
}

std::vector<std::string> managed_parameters(const AuthSpec& spec) {
  if (const auto* query = std::get_if<QueryAuth>(&spec)) return {query->param_name};
  if (const auto* multi = std::get_if<MultiQueryAuth>(&spec)) return names_of(multi->params);
  return {};
}

}  // namespace aivault::registry
