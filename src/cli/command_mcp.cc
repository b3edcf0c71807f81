// mcp: the capabilities of the caller as tools for an agent.

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/mcp_server.h"
#include "protocol/headers.h"

namespace aivault::cli {

Result<int> run_mcp(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto context, parse_context(arguments));
  McpServer::Options options;
  options.allowed = arguments.list("allow");
  options.credential = not_blank(arguments.text("credential"));
  const auto add = [&options](std::string_view name,
                              const std::optional<std::string>& value) -> Result<void> {
    if (!value) return {};
    if (has_control(*value)) return invalid_request("", "invalid " + std::string(name));
    options.control.push_back({std::string(name), *value});
    return {};
  };
  TRY(add(protocol::kWorkspace, context.workspace));
  TRY(add(protocol::kGroup, context.group));
  TRY(add(protocol::kToken, session.environment().text("AIVAULT_TOKEN")));
  McpServer(session, std::move(options)).run();
  return kSuccess;
}

}  // namespace aivault::cli
