// capability policy set.
#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/key_value.h"
#include "cli/moment.h"

namespace aivault::cli {
namespace {

using json::Value;

Result<Value> policy_of(const Arguments& arguments) {
  auto body = Value::object();
  const auto add_number = [&](const char* flag, const char* name) {
    if (const auto number = arguments.number(flag)) body.set(name, *number);
  };
  add_number("rate-limit-per-minute", "rateLimitPerMinute");
  add_number("max-request-body-bytes", "maxRequestBodyBytes");
  add_number("max-response-body-bytes", "maxResponseBodyBytes");
  if (arguments.has("response-block")) {
    auto list = Value::array();
    for (const auto& text : arguments.list("response-block")) list.push(text);
    body.set("responseBodyBlocklist", std::move(list));
  }
  if (arguments.has("require-approval")) body.set("requireApproval", true);
  if (const auto text = arguments.text("approval-timeout")) {
    const auto wait = parse_duration(*text);
    constexpr auto kMost = std::chrono::hours(1);
    if (!wait || *wait <= wait->zero() || *wait > kMost) {
      return invalid_request("", "--approval-timeout must be at least 1s and at most 1h");
    }
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*wait);
    body.set("approvalTimeoutMs", std::int64_t{ms.count()});
  }
  if (const auto mode = arguments.text("scrub")) body.set("scrub", *mode);
  return body;
}

}  // namespace

Result<int> run_capability_policy_set(Session& session, const Arguments& arguments) {
  const auto capability = not_blank(arguments.text("capability"));
  if (!capability) return invalid_request("", "--capability is required");
  TRY_ASSIGN(const auto body, policy_of(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  const auto target = "/aivault/capabilities/" + segment(trim(*capability)) + "/policy";
  return print_result(session, client.change(session, "PUT", target, body), json::Order::as_built);
}

}  // namespace aivault::cli
