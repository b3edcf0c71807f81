// McpTools: the capabilities that a caller may invoke as tools of the Model Context Protocol, and
// what a tool is called with as the request of a call. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace aivault::cli {

struct McpTool {
  std::string name, capability;
  json::Value definition;  // As tools/list shows it.
};

class McpTools {
 public:
  McpTools() = default;
  // `capabilities`: the answer of /aivault/capabilities. `allowed`: patterns ("openai/*"); empty:
  // all.
  static McpTools of(const json::Value& capabilities, const std::vector<std::string>& allowed);

  const std::vector<McpTool>& all() const { return tools_; }
  const McpTool* find(std::string_view name) const;
  bool operator==(const McpTools& other) const { return text_ == other.text_; }

 private:
  std::vector<McpTool> tools_;
  std::string text_;  // All definitions: what a client would notice.
};

struct McpCall {
  json::Value envelope;
  std::optional<std::int64_t> timeout_ms;
};
// Errors: invalid_request, with what is wrong with the arguments.
Result<McpCall> call_of(const McpTool& tool,
                        const json::Value& arguments,
                        const std::optional<std::string>& credential);

// An exact id, or a prefix and '*'.
bool fits_grant(std::string_view pattern, std::string_view capability);

}  // namespace aivault::cli
