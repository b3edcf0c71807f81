#include "catalog/facts.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "json/parse.h"
#include "json/write.h"

namespace aivault::catalog {
namespace {

using json::Kind;
using json::Value;

tl::unexpected<Error> malformed(std::string_view key) {
  return invalid_request("record_invalid",
                         "credential record: malformed '" + quote_for_message(key) + "'");
}

constexpr std::array<std::string_view, 12> kKeys = {"auth",
                                                    "kind",
                                                    "hosts",
                                                    "defaultHeaders",
                                                    "allowPrivateNetwork",
                                                    "tlsCaPem",
                                                    "maxPolicyMode",
                                                    "capabilities",
                                                    "priority",
                                                    "upstreamPathPrefix",
                                                    "misfit",
                                                    "imported"};

Value texts(const std::vector<std::string>& list) {
  Value array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

Result<std::string> text_in(const Value& object, std::string_view key) {
  const Value* found = object.find(key);
  if (found == nullptr) return std::string();
  if (!found->is(Kind::string)) return malformed(key);
  return std::string(found->text());
}

Result<std::vector<std::string>> texts_in(const Value& object, std::string_view key) {
  std::vector<std::string> list;
  const Value* found = object.find(key);
  if (found == nullptr) return list;
  if (!found->is(Kind::array)) return malformed(key);
  for (const auto& item : found->items()) {
    if (!item.is(Kind::string)) return malformed(key);
    list.emplace_back(item.text());
  }
  return list;
}

Result<std::int64_t> integer_in(const Value& object, std::string_view key) {
  const Value* found = object.find(key);
  if (found == nullptr) return 0;
  const auto number = found->is(Kind::number) ? found->integer() : std::nullopt;
  if (!number) return malformed(key);
  return *number;
}

Result<std::vector<std::pair<std::string, std::string>>> headers_in(const Value& object) {
  std::vector<std::pair<std::string, std::string>> headers;
  const Value* found = object.find("defaultHeaders");
  if (found == nullptr) return headers;
  if (!found->is(Kind::array)) return malformed("defaultHeaders");
  for (const auto& item : found->items()) {
    TRY_ASSIGN(auto name, text_in(item, "name"));
    TRY_ASSIGN(auto value, text_in(item, "value"));
    if (name.empty()) return malformed("defaultHeaders");
    headers.emplace_back(std::move(name), std::move(value));
  }
  return headers;
}

}  // namespace

registry::AuthSpec postgres_auth() {
  return registry::HeaderAuth{"x-aivault-postgres", "{{secret}}"};
}

std::string to_body(const Facts& facts) {
  Value body = Value::object();
  if (facts.auth) body.set("auth", registry::to_json(*facts.auth));
  if (!facts.kind.empty()) body.set("kind", facts.kind);
  if (!facts.hosts.empty()) body.set("hosts", texts(facts.hosts));
  if (!facts.default_headers.empty()) {
    Value list = Value::array();
    for (const auto& [name, value] : facts.default_headers) {
      list.push(Value::object({{"name", name}, {"value", value}}));
    }
    body.set("defaultHeaders", std::move(list));
  }
  if (facts.allow_private_network) body.set("allowPrivateNetwork", true);
  if (!facts.tls_ca_pem.empty()) body.set("tlsCaPem", facts.tls_ca_pem);
  if (facts.max_policy_mode) body.set("maxPolicyMode", *facts.max_policy_mode);
  if (!facts.capabilities.empty()) body.set("capabilities", texts(facts.capabilities));
  if (facts.priority != 0) body.set("priority", facts.priority);
  if (!facts.path_prefix.empty()) body.set("upstreamPathPrefix", facts.path_prefix);
  if (facts.misfit) {
    body.set("misfit",
             Value::object({{"valueVersion", facts.misfit->value_version},
                            {"message", facts.misfit->message}}));
  }
  if (facts.imported) {
    body.set(
        "imported",
        Value::object({{"reason", facts.imported->reason}, {"record", facts.imported->record}}));
  }
  return json::compact(body);
}

Result<Facts> parse_facts(std::string_view body) {
  TRY_ASSIGN(const Value value, json::parse(body));
  if (!value.is(Kind::object)) return malformed("body");
  for (const auto& member : value.members()) {
    if (std::ranges::find(kKeys, std::string_view(member.key)) == kKeys.end()) {
      return malformed(member.key);
    }
  }
  Facts facts;
  if (const Value* auth = value.find("auth"); auth != nullptr) {
    TRY_ASSIGN(facts.auth, registry::parse_auth(*auth));
  }
  TRY_ASSIGN(facts.kind, text_in(value, "kind"));
  TRY_ASSIGN(facts.hosts, texts_in(value, "hosts"));
  TRY_ASSIGN(facts.default_headers, headers_in(value));
  if (const Value* flag = value.find("allowPrivateNetwork"); flag != nullptr) {
    if (!flag->is(Kind::boolean)) return malformed("allowPrivateNetwork");
    facts.allow_private_network = flag->boolean();
  }
  TRY_ASSIGN(facts.tls_ca_pem, text_in(value, "tlsCaPem"));
  TRY_ASSIGN(const auto mode, text_in(value, "maxPolicyMode"));
  if (!mode.empty()) facts.max_policy_mode = mode;
  TRY_ASSIGN(facts.capabilities, texts_in(value, "capabilities"));
  TRY_ASSIGN(const auto priority, integer_in(value, "priority"));
  if (priority < 0 || priority > 1000) return malformed("priority");
  facts.priority = static_cast<int>(priority);
  TRY_ASSIGN(facts.path_prefix, text_in(value, "upstreamPathPrefix"));
  if (const Value* misfit = value.find("misfit"); misfit != nullptr) {
    Facts::Misfit found;
    TRY_ASSIGN(found.value_version, integer_in(*misfit, "valueVersion"));
    TRY_ASSIGN(found.message, text_in(*misfit, "message"));
    facts.misfit = std::move(found);
  }
  if (const Value* imported = value.find("imported"); imported != nullptr) {
    Facts::Imported found;
    TRY_ASSIGN(found.reason, text_in(*imported, "reason"));
    const Value* record = imported->find("record");
    if (record == nullptr) return malformed("imported");
    found.record = *record;
    facts.imported = std::move(found);
  }
  return facts;
}

std::string to_params_text(const Params& params) {
  Value object = Value::object();
  for (const auto& [name, value] : params) object.set(name, value);
  return json::compact(object);
}

Result<Params> parse_params(std::string_view text) {
  TRY_ASSIGN(const Value value, json::parse(text));
  if (!value.is(Kind::object)) return malformed("params");
  Params params;
  for (const auto& member : value.members()) {
    if (!member.value.is(Kind::string)) return malformed("params");
    params.emplace_back(member.key, member.value.text());
  }
  return params;
}

}  // namespace aivault::catalog
