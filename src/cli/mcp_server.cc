#include "cli/mcp_server.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <functional>
#include <utility>

#include "base/encoding.h"
#include "base/version.h"
#include "cli/connection.h"
#include "cli/mcp_answer.h"
#include "json/write.h"

namespace aivault::cli {
namespace {

using json::Kind;
using json::Value;

constexpr auto kVersions =
    std::to_array<std::string_view>({"2025-06-18", "2025-03-26", "2024-11-05"});
constexpr std::size_t kPage = 200;
constexpr int kLookAgainMs = 10'000;
constexpr std::size_t kReadSize = std::size_t{64} << 10U;
constexpr std::string_view kInstructions =
    "Each tool is one capability of an API. The vault adds the key; never ask for one or send one. "
    "Paths are those of the vendor's API.";
constexpr std::string_view kWhoami = "aivault://whoami";
constexpr std::string_view kCapabilities = "aivault://capabilities";
constexpr std::string_view kCapability = "aivault://capability/";

tl::unexpected<McpFailure> failure(McpCode code, std::string message) {
  return tl::unexpected(McpFailure{code, std::move(message), {}});
}

std::string key_of(const Value& id) { return json::compact(id); }

Value resource(std::string_view uri, std::string_view name, std::string_view description) {
  return Value::object({{"uri", uri},
                        {"name", name},
                        {"description", description},
                        {"mimeType", "application/json"}});
}

Value list_resources() {
  return Value::object(
      {{"resources",
        Value::array({resource(kWhoami, "whoami", "Who the daemon takes this caller for"),
                      resource(kCapabilities, "capabilities", "What this caller may invoke")})}});
}

Value list_templates() {
  return Value::object(
      {{"resourceTemplates",
        Value::array({Value::object({{"uriTemplate", "aivault://capability/{id}"},
                                     {"name", "capability"},
                                     {"description", "How one capability is called"},
                                     {"mimeType", "application/json"}})})}});
}

// The target that answers for a resource; nullopt: there is no such resource.
std::optional<std::string> target_of(std::string_view uri) {
  if (uri == kWhoami) return "/aivault/whoami";
  if (uri == kCapabilities) return "/aivault/capabilities";
  if (!uri.starts_with(kCapability) || uri.size() == kCapability.size()) return std::nullopt;
  return "/aivault/capabilities/" + percent_encode(uri.substr(kCapability.size()));
}

// What a client that gave a token hears while its call waits.
class Progress final : public CallNotices {
 public:
  using Write = std::function<void(const std::string&)>;
  Progress(Value token, Write write) : token_(std::move(token)), write_(std::move(write)) {}

  void waits_for_approval(const std::string& id) override {
    write_(mcp_notification(
        "notifications/progress",
        Value::object({{"progressToken", token_},
                       {"progress", ++told_},
                       {"message", "waiting for operator approval '" + id + "'"}})));
  }

 private:
  Value token_;
  Write write_;
  std::int64_t told_ = 0;  // Grows with each notification, as clients expect.
};

// nullopt: none was given.
std::optional<Value> progress_token_of(const McpMessage& message) {
  const auto* meta = member(message.params, "_meta", Kind::object);
  const auto* token = meta == nullptr ? nullptr : meta->find("progressToken");
  const bool is_one = token != nullptr && (token->is(Kind::string) || token->is(Kind::number));
  return is_one ? std::optional(*token) : std::nullopt;
}

}  // namespace

void McpServer::write(const std::string& line) {
  const std::scoped_lock lock(writing_);
  session_.print(line);
}

void McpServer::run() {
  std::string buffer;
  bool skips = false;  // A line that was too long, to its end.
  for (;;) {
    pollfd waiting{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, has_tools_ ? kLookAgainMs : -1);
    if (ready == 0) look_for_changes();
    if (ready <= 0) continue;
    const auto before = buffer.size();
    buffer.resize(before + kReadSize);
    const auto got = ::read(STDIN_FILENO, buffer.data() + before, kReadSize);
    buffer.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return;
    std::size_t begin = 0;
    for (auto end = buffer.find('\n', before); end != std::string::npos;
         end = buffer.find('\n', begin)) {
      if (!skips) take_line(std::string_view(buffer).substr(begin, end - begin));
      skips = false;
      begin = end + 1;
    }
    buffer.erase(0, begin);
    if (buffer.size() > kMaxMcpMessage) {
      if (!skips) write(mcp_error({McpCode::invalid_request, "message too large", {}}));
      skips = true;
      buffer.clear();
    }
  }
}

void McpServer::take_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find_first_not_of(" \t") == std::string_view::npos) return;
  const auto parsed = parse_mcp(line);
  if (!parsed) return write(mcp_error(parsed.error()));
  if (!*parsed) return;
  const auto& message = **parsed;
  if (message.id) {
    take_request(message);
  } else {
    take_notification(message);
  }
}

void McpServer::take_notification(const McpMessage& message) {
  if (message.method == "notifications/initialized" && state_ == State::asked) {
    state_ = State::ready;
  } else if (message.method == "notifications/cancelled") {
    if (const auto* id = message.params.find("requestId")) calls_.cancel(key_of(*id));
  }
}

void McpServer::take_request(const McpMessage& message) {
  Answer answer = failure(McpCode::method_not_found, "Method not found");
  const auto& method = message.method;
  if (method == "ping") {
    answer = Value::object();
  } else if (method == "initialize") {
    answer = initialize(message);
  } else if (state_ != State::ready) {
    answer = failure(McpCode::invalid_request, "the session is not initialized");
  } else if (method == "tools/list") {
    answer = list_tools(message);
  } else if (method == "tools/call") {
    auto failed = call_tool(message);
    if (!failed) return;
    answer = tl::unexpected(*std::move(failed));
  } else if (method == "resources/list") {
    answer = list_resources();
  } else if (method == "resources/templates/list") {
    answer = list_templates();
  } else if (method == "resources/read") {
    answer = read_resource(message);
  }
  if (answer) return write(mcp_result(*message.id, *std::move(answer)));
  auto failed = std::move(answer).error();
  failed.id = *message.id;
  write(mcp_error(failed));
}

McpServer::Answer McpServer::initialize(const McpMessage& message) {
  if (state_ != State::fresh) return failure(McpCode::invalid_request, "already initialized");
  const auto* asked = member(message.params, "protocolVersion", Kind::string);
  if (asked == nullptr) return failure(McpCode::invalid_params, "'protocolVersion' is missing");
  state_ = State::asked;
  const auto known = std::ranges::find(kVersions, asked->text());
  return Value::object(
      {{"protocolVersion", known == kVersions.end() ? kVersions.front() : *known},
       {"capabilities",
        Value::object(
            {{"tools", Value::object({{"listChanged", true}})}, {"resources", Value::object()}})},
       {"serverInfo", Value::object({{"name", "aivault"}, {"version", version()}})},
       {"instructions", kInstructions}});
}

Result<void> McpServer::load_tools() {
  TRY_ASSIGN(const auto capabilities, daemon_.get("/aivault/capabilities"));
  tools_ = McpTools::of(capabilities, options_.allowed);
  has_tools_ = true;
  return {};
}

// Grants change while a client is connected, and no daemon says so by itself.
void McpServer::look_for_changes() {
  const auto before = tools_;
  if (!load_tools() || tools_ == before) return;
  write(mcp_notification("notifications/tools/list_changed"));
}

McpServer::Answer McpServer::list_tools(const McpMessage& message) {
  std::size_t first = 0;
  if (const auto* cursor = message.params.find("cursor")) {
    const auto text = cursor->text();
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), first);
    const bool is_whole = problem == std::errc() && end == text.data() + text.size();
    if (!cursor->is(Kind::string) || !is_whole || first > tools_.all().size()) {
      return failure(McpCode::invalid_params, "unknown cursor");
    }
  }
  if (first == 0) {
    if (auto loaded = load_tools(); !loaded) {
      return failure(McpCode::internal_error, std::move(loaded).error().message);
    }
  }
  auto page = Value::array();
  const auto& all = tools_.all();
  const auto last = std::min(all.size(), first + kPage);
  for (auto i = first; i < last; ++i) page.push(all[i].definition);
  auto result = Value::object({{"tools", std::move(page)}});
  if (last < all.size()) result.set("nextCursor", std::to_string(last));
  return result;
}

McpServer::Answer McpServer::read_resource(const McpMessage& message) {
  const auto* uri = member(message.params, "uri", Kind::string);
  if (uri == nullptr) return failure(McpCode::invalid_params, "'uri' is missing");
  const auto target = target_of(uri->text());
  if (!target) return failure(McpCode::resource_not_found, "Resource not found");
  auto document = daemon_.get(*target);
  if (!document && document.error().reason == "not_found") {
    return failure(McpCode::resource_not_found, std::move(document).error().message);
  }
  if (!document) return failure(McpCode::internal_error, std::move(document).error().message);
  auto contents = Value::object(
      {{"uri", uri->text()}, {"mimeType", "application/json"}, {"text", json::compact(*document)}});
  return Value::object({{"contents", Value::array({std::move(contents)})}});
}

McpServer::Answer McpServer::outcome_of(Result<McpDaemon::Answered> answered) const {
  if (answered && answered->too_large > 0) return tool_too_large(answered->too_large);
  if (answered) return tool_result(answered->head, answered->body);
  auto error = std::move(answered).error();
  const bool is_lost = error.reason.starts_with("client:");
  if (is_lost) return failure(McpCode::internal_error, std::move(error.message));
  return tool_refusal(error);
}

std::optional<McpFailure> McpServer::call_tool(const McpMessage& message) {
  const auto refuse = [](std::string text) {
    return McpFailure{McpCode::invalid_params, std::move(text), {}};
  };
  const auto* name = member(message.params, "name", Kind::string);
  if (name == nullptr) return refuse("'name' is missing");
  if (!has_tools_ || tools_.find(name->text()) == nullptr) {
    if (auto loaded = load_tools(); !loaded) {
      return McpFailure{McpCode::internal_error, std::move(loaded).error().message, {}};
    }
  }
  const auto* tool = tools_.find(name->text());
  if (tool == nullptr) return refuse("Unknown tool: " + std::string(name->text()));
  const auto* given = message.params.find("arguments");
  if (given != nullptr && !given->is(Kind::object)) return refuse("'arguments' is an object");
  auto call = call_of(*tool, given != nullptr ? *given : Value::object(), options_.credential);
  if (!call) return refuse(std::move(call).error().message);
  auto key = key_of(*message.id);
  if (calls_.knows(key)) return refuse("a request with this id is under way");
  auto work = [this, id = *message.id, token = progress_token_of(message), call = *std::move(call)](
                  McpCancel& cancel) {
    Progress progress(token.value_or(Value()), [this](const std::string& line) { write(line); });
    auto* notices = token ? &progress : nullptr;
    auto answer = outcome_of(daemon_.call(call.envelope, call.timeout_ms, cancel, notices));
    if (cancel.is_cancelled()) return;
    if (answer) return write(mcp_result(id, *std::move(answer)));
    auto failed = std::move(answer).error();
    failed.id = id;
    write(mcp_error(failed));
  };
  if (calls_.start(std::move(key), std::move(work))) return std::nullopt;
  return McpFailure{McpCode::internal_error, "too many calls wait", {}};
}

}  // namespace aivault::cli
