#include "cli/mcp_daemon.h"

#include <sys/socket.h>

#include <utility>
#include <vector>

#include "cli/body_input.h"
#include "cli/mcp_answer.h"
#include "cli/operator_exchange.h"
#include "cli/reach.h"
#include "json/write.h"
#include "protocol/error_body.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

// Keeps what a client takes and counts the rest.
class BoundedAnswer final : public AnswerSink {
 public:
  Result<void> take_head(const http::ResponseHead& /*head*/) override { return {}; }
  Result<void> take(std::string_view bytes) override {
    size_ += bytes.size();
    if (size_ <= kMaxMcpBody) body += bytes;
    return {};
  }
  std::uint64_t too_large() const { return size_ > kMaxMcpBody ? size_ : 0; }
  std::string body;

 private:
  std::uint64_t size_ = 0;
};

}  // namespace

void McpCancel::cancel() {
  const std::scoped_lock lock(guard_);
  is_cancelled_ = true;
  // The daemon takes this for the end of the caller and ends the call.
  if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
}

bool McpCancel::is_cancelled() const {
  const std::scoped_lock lock(guard_);
  return is_cancelled_;
}

bool McpCancel::use(int descriptor) {
  const std::scoped_lock lock(guard_);
  descriptor_ = descriptor;
  return !is_cancelled_;
}

Result<Acknowledged> McpDaemon::reach(const std::string& head) {
  const std::scoped_lock lock(reaching_);
  if (!private_daemon_.is_wanted()) return reach_for_call(session_, head, std::nullopt);
  const auto reach_private = [&]() -> Result<Acknowledged> {
    TRY_ASSIGN(auto reached, private_daemon_.reach());
    return acknowledged_by(std::move(reached), head);
  };
  auto answer = reach_private();
  // One that ends had not begun with the call; another takes its place.
  if (answer || !is_no_daemon(answer.error())) return answer;
  private_daemon_.replace();
  return reach_private();
}

Result<json::Value> McpDaemon::get(const std::string& target) {
  auto head = request_head("GET", target);
  for (const auto& header : control_) head += header.name + ": " + header.value + "\r\n";
  head += "\r\n";
  TRY_ASSIGN(auto daemon, reach(head));
  auto document = read_document(*daemon.reached.connection, daemon.answer);
  const bool is_refusal =
      http::find(daemon.answer.head().headers, protocol::kError) != nullptr && document;
  auto result = is_refusal
                    ? Result<json::Value>(fail(protocol::error_from_json(json::compact(*document))
                                                   .value_or(Error{ErrorCode::vault_unavailable,
                                                                   "internal",
                                                                   "error without an error object",
                                                                   0})))
                    : std::move(document);
  if (!result) result = fail(explain(std::move(result).error(), daemon.reached));
  daemon.reached.finish();
  return result;
}

Result<McpDaemon::Answered> McpDaemon::call(const json::Value& envelope,
                                            std::optional<std::int64_t> timeout_ms,
                                            McpCancel& cancel,
                                            CallNotices* notices) {
  CallHead head;
  head.content_type = std::string(protocol::kJsonType);
  head.control = control_;
  head.control.push_back({std::string(protocol::kComplete), "1"});
  if (timeout_ms) {
    head.control.push_back({std::string(protocol::kTimeoutMs), std::to_string(*timeout_ms)});
  }
  if (notices != nullptr) head.control.push_back({std::string(protocol::kInterim), "1"});
  BodyInput body(json::compact(envelope), {});
  head.content_length = body.size();
  TRY_ASSIGN(auto daemon, reach(to_wire(head)));
  if (!cancel.use(daemon.reached.connection->descriptor())) {
    return vault_unavailable(std::string(kConnectionLost), "cancelled");
  }
  BoundedAnswer answer;
  auto answered = exchange_call(daemon, body, answer, notices);
  cancel.use(-1);
  daemon.reached.finish();
  if (!answered) return fail(std::move(answered).error());
  return Answered{*std::move(answered), std::move(answer.body), answer.too_large()};
}

}  // namespace aivault::cli
