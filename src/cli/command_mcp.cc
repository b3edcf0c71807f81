// mcp: the capabilities of the caller as tools for an agent.

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/held_token.h"
#include "cli/key_value.h"
#include "cli/mcp_server.h"
#include "cli/secret_input.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

constexpr std::int64_t kTtlMs = std::int64_t{24} * 60 * 60 * 1000;  // As long as there is.

}  // namespace

Result<int> run_mcp(Session& session, const Arguments& arguments) {
  hide_memory();
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
  if (!arguments.has("agent")) {
    TRY(add(protocol::kToken, session.environment().text("AIVAULT_TOKEN")));
  }
  PrivateDaemon daemon(session);
  std::optional<HeldToken> held;
  if (auto agent = not_blank(arguments.text("agent"))) {
    HeldToken::Wish wish;
    wish.agent = std::move(agent);
    wish.allowed = options.allowed;
    wish.context = context;
    wish.ttl_ms = kTtlMs;
    TRY_ASSIGN(auto minted, HeldToken::mint(session, daemon, "mcp", wish));
    held.emplace(std::move(minted));
    options.control.push_back({std::string(protocol::kToken), held->value()});
  }
  McpServer(session, daemon, std::move(options)).run();
  return kSuccess;
}

}  // namespace aivault::cli
