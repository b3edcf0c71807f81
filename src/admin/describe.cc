#include <algorithm>

#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/setup_section.h"
#include "admin/shapes.h"
#include "admin/visibility.h"
#include "base/text.h"
#include "catalog/derived.h"
#include "catalog/policy_row.h"
#include "json/write.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using json::Value;

constexpr std::string_view kBodyExample = R"({"key":"value"})";

Value texts_of(const auto& list) {
  Value array = Value::array();
  for (const auto& text : list) array.push(std::string_view(text));
  return array;
}

std::string joined(const auto& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + std::string(item);
  return text;
}

// As a POSIX shell reads it back.
std::string shell_word(std::string_view text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-:=@,+").find(c) != std::string_view::npos;
  });
  if (plain) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

// What a minimal call leaves out, and what to write where it cannot.
struct Hints {
  std::vector<std::string_view> methods;
  std::vector<std::string> prefixes;
  std::string default_method, default_path;  // Empty: none.
  std::string method, path;                  // The default, else a hint.

  bool allows_post() const { return std::ranges::find(methods, "POST") != methods.end(); }
};

Hints hints_of(const registry::Capability& capability) {
  Hints hints;
  hints.methods = registry::methods_of(capability);
  hints.prefixes = registry::prefixes_of(capability);
  if (hints.methods.size() == 1) hints.default_method = hints.methods.front();
  hints.default_path = registry::default_path_of(capability);
  hints.method = hints.default_method;
  if (hints.method.empty() && !hints.methods.empty()) {
    hints.method = hints.allows_post() ? "POST" : hints.methods.front();
  }
  hints.path = hints.default_path;
  if (hints.path.empty() && !hints.prefixes.empty()) hints.path = hints.prefixes.front();
  return hints;
}

Value request_template(const Hints& hints) {
  auto request = Value::object({{"headers", Value::array()}});
  if (!hints.method.empty()) request.set("method", hints.method);
  if (!hints.path.empty()) request.set("path", hints.path);
  return request;
}

Value examples(std::string_view id, const registry::Capability& capability, const Hints& hints) {
  const auto call = [&](std::string_view method) {
    std::string command = "aivault invoke " + shell_word(id);
    if (hints.default_method.empty()) command += " --method " + shell_word(method);
    if (hints.default_path.empty()) command += " --path " + shell_word(hints.path);
    return command;
  };
  const auto example = [](std::string command, std::string_view title) {
    return Value::object({{"command", std::move(command)}, {"title", title}});
  };
  Value list = Value::array();
  list.push(example(call(hints.method), "Minimal call"));
  if (hints.allows_post()) {
    const auto body =
        capability.example.body.empty() ? kBodyExample : capability.example.body.view();
    list.push(
        example(call("POST") + " --header content-type=application/json --body " + shell_word(body),
                "Call with a JSON body"));
  }
  list.push(example("aivault invoke " + shell_word(id) + " --request " +
                        shell_word(json::compact(request_template(hints))),
                    "Whole request as JSON"));
  return list;
}

Value notes(const Hints& hints) {
  Value list = Value::array();
  list.push(hints.default_method.empty()
                ? "Choose the method with --method: " + joined(hints.methods) + "."
                : "The method is " + hints.default_method + " unless --method says so.");
  list.push(hints.default_path.empty()
                ? "Choose the path with --path; it begins with: " + joined(hints.prefixes) + "."
                : "The path is " + hints.default_path + " unless --path says otherwise.");
  list.push("--request and --request-file carry the whole request.");
  list.push("--credential picks one of several credentials.");
  return list;
}

Value call_section(std::string_view id, const registry::Capability* capability) {
  constexpr std::array<std::string_view, 13> kFlags = {"--credential",
                                                       "--header NAME=VALUE",
                                                       "--body TEXT",
                                                       "--body-file-path PATH",
                                                       "--multipart-field KEY=VALUE",
                                                       "--multipart-file FIELD=PATH",
                                                       "--workspace-id ID",
                                                       "--group-id ID",
                                                       "--client-ip IP",
                                                       "--timeout-ms MS",
                                                       "--stream",
                                                       "--include",
                                                       "--fail"};
  constexpr std::array<std::string_view, 2> kModes = {"--request '<json>'",
                                                      "--request-file <path>"};
  const auto hints = capability != nullptr ? hints_of(*capability) : Hints();
  const auto or_null = [](const std::string& text) { return text.empty() ? Value() : Value(text); };
  Value required = Value::array();
  if (hints.default_method.empty()) required.push("--method");
  if (hints.default_path.empty()) required.push("--path");
  const auto request = request_template(hints);
  return Value::object(
      {{"defaults",
        Value::object(
            {{"method", or_null(hints.default_method)}, {"path", or_null(hints.default_path)}})},
       {"howTo",
        Value::object({{"examples",
                        capability != nullptr ? examples(id, *capability, hints) : Value::array()},
                       {"notes", capability != nullptr ? notes(hints) : Value::array()},
                       {"templates",
                        Value::object({{"envelope",
                                        Value::object({{"capability", id}, {"request", request}})},
                                       {"request", request}})}})},
       {"optionalFlags", texts_of(kFlags)},
       {"payloadModes", texts_of(kModes)},
       {"requiredFlagsWhenNoRequestPayload", std::move(required)}});
}

void add_registry_facts(const registry::Capability& capability, Value& allowed, Value& result) {
  allowed.set("pathPatterns", texts_of(registry::patterns_of(capability)));
  Value flags = Value::array();
  if (capability.emits) flags.push("emits");
  if (capability.is_explicit) flags.push("explicit");
  if (capability.nested) flags.push("nested");
  if (capability.wide) flags.push("wide");
  const auto& example = capability.example;
  Value sample = Value::object({{"method", example.method.view()}, {"path", example.path.view()}});
  if (!example.query.empty()) sample.set("query", example.query.view());
  if (!example.body.empty()) sample.set("body", example.body.view());
  result.set("class", registry::to_string(capability.declared))
      .set("summary", capability.summary.view())
      .set("flags", std::move(flags))
      .set("example", std::move(sample));
}

Value description(const registry::Registry& known, const registry::Capability& capability) {
  const bool from_registry = capability.form == registry::PathForm::pattern;
  Value allowed = Value::object({{"hosts", texts_of(capability.hosts)},
                                 {"methods", texts_of(registry::methods_of(capability))},
                                 {"pathPrefixes", texts_of(registry::prefixes_of(capability))}});
  Value result = Value::object();
  if (from_registry) add_registry_facts(capability, allowed, result);
  result.set("allowed", std::move(allowed))
      .set("call", call_section(capability.id, &capability))
      .set("capability", capability.id.view())
      .set("provider", capability.provider.view())
      .set("setup", setup_section(known, capability.provider, &capability));
  return result;
}

Value description(const registry::Registry& known, const registry::Retired& retired) {
  const auto id = retired.id.view();
  const auto provider = id.substr(0, id.find('/'));
  return Value::object({{"allowed",
                         Value::object({{"hosts", Value::array()},
                                        {"methods", Value::array()},
                                        {"pathPrefixes", Value::array()}})},
                        {"call", call_section(id, nullptr)},
                        {"capability", id},
                        {"provider", provider},
                        {"retired", registry::to_sentence(retired)},
                        {"setup", setup_section(known, provider, nullptr)}});
}

}  // namespace

Result<Answer> describe_capability(Desk& desk, const Request& request) {
  const std::string id(trim(request.ids.front()));
  if (const auto* retired = registry::find_retired(id); retired != nullptr) {
    return ad_hoc(description(registry::Registry(), *retired));
  }
  TRY_ASSIGN(auto records, Records::open(desk));
  const auto warnings = records.warnings();
  // Callers get nothing that is not verified.
  if (!warnings.empty() && !request.actor.is_operator) {
    return vault_unavailable("vault_locked", "vault locked");
  }
  TRY_ASSIGN(auto snapshot, records.snapshot());
  std::optional<catalog::Authority> authority;
  if (!request.actor.is_operator) {
    TRY_ASSIGN(authority, authority_of(desk, request));
    snapshot = authority->snapshot();
  }
  const auto& known = snapshot->registry();
  const auto* retired = known.find_retired(id);
  if (retired != nullptr && request.actor.is_operator) {
    return ad_hoc(description(known, *retired));
  }
  const auto* capability = snapshot->find_capability(id);
  const bool visible = capability != nullptr && (!authority || may_invoke(*authority, *capability));
  if (!visible && request.actor.is_operator && snapshot->is_refused(id)) {
    return vault_unavailable("row_integrity",
                             "row integrity check failed: capabilities/" + quote_for_message(id));
  }
  if (!visible) return not_found("capability '" + quote_for_message(id) + "' not found");
  auto result = description(known, *capability);
  const auto* policy = snapshot->find_policy(capability->id);
  if (policy != nullptr && request.actor.is_operator) {
    const auto shown = catalog::to_json(policy->capability, policy->limits);
    result.set("policy", *shown.find("policy"));
  }
  add_warnings(result, warnings);
  return ad_hoc(std::move(result));
}

}  // namespace aivault::admin
