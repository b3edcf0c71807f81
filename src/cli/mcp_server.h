// McpServer: the Model Context Protocol on stdin and stdout: capabilities as tools, what the caller
// may know as resources.
// Thread: the one that runs it; tool calls run on others.
// Source: modelcontextprotocol.io/specification/2025-06-18.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/mcp_calls.h"
#include "cli/mcp_daemon.h"
#include "cli/mcp_message.h"
#include "cli/mcp_tools.h"
#include "cli/session.h"

namespace aivault::cli {

class McpServer {
 public:
  struct Options {
    std::vector<std::string> allowed;  // Patterns; empty: all that the caller may invoke.
    std::optional<std::string> credential;
    http::Headers control;  // Of every request to the daemon.
  };
  McpServer(Session& session, PrivateDaemon& daemon, Options options)
      : session_(session), options_(options), daemon_(session, daemon, options.control) {}

  void run();  // Until stdin ends.

 private:
  void take_line(std::string_view line);
  void take_request(const McpMessage& message);
  void take_notification(const McpMessage& message);
  using Answer = tl::expected<json::Value, McpFailure>;
  Answer initialize(const McpMessage& message);
  Answer list_tools(const McpMessage& message);
  Answer read_resource(const McpMessage& message);
  // Answered later, by another thread.
  std::optional<McpFailure> call_tool(const McpMessage& message);
  Answer outcome_of(Result<McpDaemon::Answered> answered) const;
  Result<void> load_tools();
  void look_for_changes();
  void write(const std::string& line);

  Session& session_;
  Options options_;
  McpDaemon daemon_;
  McpTools tools_;
  bool has_tools_ = false;
  enum class State : unsigned char { fresh, asked, ready } state_ = State::fresh;
  std::mutex writing_;
  McpCalls calls_;  // Last: its threads use the rest.
};

}  // namespace aivault::cli
