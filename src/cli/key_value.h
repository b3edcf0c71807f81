// KeyValue: the NAME=VALUE flags, and the context and scope flags that several commands share.
// Pure. Errors: invalid_request.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/arguments.h"

namespace aivault::cli {

struct KeyValue {
  std::string key;    // Trimmed.
  std::string value;  // Verbatim.
};
// Split at the first '='. `flag` is for messages: "default-header".
Result<KeyValue> parse_key_value(std::string_view flag, const std::string& raw);
Result<std::vector<KeyValue>> parse_key_values(std::string_view flag,
                                               const std::vector<std::string>& list);
// Split at the first '=' or ':'; blanks behind the ':' are dropped.
Result<KeyValue> parse_header(std::string_view flag, const std::string& raw);

struct Context {
  std::optional<std::string> workspace;
  std::optional<std::string> group;
};
Result<Context> parse_context(const Arguments& arguments);

// --scope, --workspace-id, --group-id of a secret: what the scope needs is there, and nothing else.
struct Scope {
  std::string kind = "global";
  std::optional<std::string> workspace;
  std::optional<std::string> group;
};
Result<Scope> parse_scope(const Arguments& arguments);

// Trimmed; blank is absent.
std::optional<std::string> not_blank(const std::optional<std::string>& text);

}  // namespace aivault::cli
