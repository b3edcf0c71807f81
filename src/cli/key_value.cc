#include "cli/key_value.h"

#include "base/text.h"

namespace aivault::cli {
namespace {

Result<KeyValue> split_at(std::string_view flag, const std::string& raw, std::size_t at) {
  const auto invalid = [&](std::string_view what) {
    return invalid_request(
        "", "invalid --" + std::string(flag) + " '" + raw + "'; " + std::string(what));
  };
  if (at == std::string::npos) return invalid("expected KEY=VALUE");
  KeyValue pair{std::string(trim(std::string_view(raw).substr(0, at))), raw.substr(at + 1)};
  if (pair.key.empty()) return invalid("key cannot be empty");
  return pair;
}

auto missing(std::string_view flag) {
  return invalid_request("", "--" + std::string(flag) + " is required");
}

}  // namespace

Result<KeyValue> parse_key_value(std::string_view flag, const std::string& raw) {
  return split_at(flag, raw, raw.find('='));
}

Result<std::vector<KeyValue>> parse_key_values(std::string_view flag,
                                               const std::vector<std::string>& list) {
  std::vector<KeyValue> pairs;
  for (const auto& raw : list) {
    TRY_ASSIGN(auto pair, parse_key_value(flag, raw));
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

Result<KeyValue> parse_header(std::string_view flag, const std::string& raw) {
  const auto at = raw.find_first_of("=:");
  TRY_ASSIGN(auto header, split_at(flag, raw, at));
  if (raw[at] == ':') header.value.erase(0, header.value.find_first_not_of(" \t"));
  return header;
}

std::optional<std::string> not_blank(const std::optional<std::string>& text) {
  if (!text || trim(*text).empty()) return std::nullopt;
  return std::string(trim(*text));
}

Result<Context> parse_context(const Arguments& arguments) {
  Context context{not_blank(arguments.text("workspace-id")), not_blank(arguments.text("group-id"))};
  if (context.group && !context.workspace) {
    return invalid_request("", "--workspace-id is required when --group-id is provided");
  }
  return context;
}

Result<Scope> parse_scope(const Arguments& arguments) {
  Scope scope{arguments.text_or("scope", "global"),
              not_blank(arguments.text("workspace-id")),
              not_blank(arguments.text("group-id"))};
  const auto unused = [&scope](std::string_view flag) {
    return invalid_request("",
                           "--" + std::string(flag) + " is not used by the scope " + scope.kind);
  };
  if (scope.kind == "global" && scope.workspace) return unused("workspace-id");
  if (scope.kind != "group" && scope.group) return unused("group-id");
  if (scope.kind != "global" && !scope.workspace) return missing("workspace-id");
  if (scope.kind == "group" && !scope.group) return missing("group-id");
  return scope;
}

}  // namespace aivault::cli
