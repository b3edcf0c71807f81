#include "cli/held_token.h"

#include <unistd.h>

#include <utility>

#include "base/wipe.h"
#include "cli/mcp_message.h"
#include "cli/operator_exchange.h"
#include "json/write.h"
#include "protocol/error_body.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

using json::Kind;
using json::Value;

Value texts(const std::vector<std::string>& list) {
  auto array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

// What an agent was granted, else everything.
Value own_grants(const Value& whoami) {
  const auto* agent = member(whoami, "agent", Kind::object);
  const auto* granted = agent == nullptr ? nullptr : member(*agent, "capabilities", Kind::array);
  return granted != nullptr ? *granted : texts({"*"});
}

Value request_of(const HeldToken::Wish& wish, const Value& whoami) {
  auto body = Value::object({{"ttlMs", wish.ttl_ms}, {"hold", true}});
  body.set("capabilities", wish.allowed.empty() ? own_grants(whoami) : texts(wish.allowed));
  if (!wish.credentials.empty()) body.set("credentials", texts(wish.credentials));
  auto context = Value::object();
  if (wish.context.workspace) context.set("workspaceId", *wish.context.workspace);
  if (wish.context.group) context.set("groupId", *wish.context.group);
  if (!context.members().empty()) body.set("context", std::move(context));
  if (wish.agent) body.set("agent", *wish.agent).set("uid", std::int64_t{::geteuid()});
  return body;
}

}  // namespace

HeldToken::~HeldToken() {
  wipe(value_);
  reached_.finish();
}

Result<Value> HeldToken::exchange(std::string_view method,
                                  const std::string& target,
                                  const std::optional<Value>& body) {
  auto head = request_head(method, target);
  if (!value_.empty()) head += std::string(protocol::kToken) + ": " + value_ + "\r\n";
  const auto text = body ? json::compact(*body) : std::string();
  const Upload upload{.text = text};
  const auto run = [&]() -> Result<Value> {
    TRY_ASSIGN(auto answer, send_request(*reached_.connection, head, body ? &upload : nullptr));
    return read_document(*reached_.connection, answer);
  };
  auto document = run();
  wipe(head);
  if (document) return document;
  auto error = explain(std::move(document).error(), reached_);
  if (!error.reason.starts_with("client:")) error.message = protocol::to_text(error);
  return fail(std::move(error));
}

Result<HeldToken> HeldToken::mint(Session& session,
                                  PrivateDaemon& daemon,
                                  std::string_view command,
                                  const Wish& wish) {
  const Needed needed{command, IdleExit::as_autostarted};
  TRY_ASSIGN(auto reached,
             daemon.is_wanted() ? daemon.reach() : reach_lasting_daemon(session, needed));
  HeldToken held(std::move(reached), daemon);
  auto whoami = held.exchange("GET", "/aivault/whoami", std::nullopt);
  if (!whoami && whoami.error().reason == kConnectionLost && held.reached_.is_private) {
    return fail(held.reached_.ended_early());
  }
  TRY_ASSIGN(held.whoami_, std::move(whoami));
  const auto* target = wish.agent ? "/aivault/tokens/proxy" : "/aivault/tokens/self";
  TRY_ASSIGN(const auto minted, held.exchange("POST", target, request_of(wish, held.whoami_)));
  const auto* result = member(minted, "result", Kind::object);
  const auto* value = member(result != nullptr ? *result : minted, "token", Kind::string);
  if (value == nullptr) {
    return fail(explain(
        Error{ErrorCode::invalid_request, std::string(kInvalidResponse), "no token in it", 0},
        held.reached_));
  }
  held.value_ = value->text();
  daemon.keep();
  return held;
}

std::function<platform::Descriptor()> HeldToken::dial() const {
  if (!reached_.is_private) return [path = reached_.name] { return connect_to(path).socket; };
  return [daemon = daemon_] {
    auto connected = daemon->connect();
    return connected ? *std::move(connected) : platform::Descriptor();
  };
}

Result<Value> HeldToken::ask(const std::string& target) {
  return exchange("GET", target, std::nullopt);
}

}  // namespace aivault::cli
