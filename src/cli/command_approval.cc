// approvals, approve and deny.
#include <chrono>
#include <limits>

#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/render_parts.h"

namespace aivault::cli {
namespace {

using json::Value;

std::int64_t number_in(const Value& object, std::string_view key) {
  const auto* found = object.find(key);
  return found == nullptr ? 0 : found->integer().value_or(0);
}

std::string caller_of(const Value& approval) {
  const auto agent = text_in(approval, "agent");
  return (agent.empty() ? text_in(approval, "user") : "agent " + agent) + " (uid " +
         std::to_string(number_in(approval, "uid")) + ", pid " +
         std::to_string(number_in(approval, "pid")) + ", " + text_in(approval, "exe") +
         "; unverified)";
}

std::string waiting_of(const Value& approval) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const auto created = number_in(approval, "createdAtMs");
  constexpr std::int64_t kMs = 1000;
  return std::to_string((now.count() - created) / kMs) + "s of " +
         std::to_string((number_in(approval, "expiresAtMs") - created) / kMs) + "s";
}

std::string render(const Value& approvals, const Style& style) {
  if (approvals.items().empty()) return "No pending approvals.\n";
  Listing listing("Approvals", style);
  for (const auto& approval : approvals.items()) {
    listing.name(text_in(approval, "id"));
    listing.line("Capability", text_in(approval, "capability"));
    auto url = "https://" + text_in(approval, "host") + text_in(approval, "path");
    if (const auto query = text_in(approval, "query"); !query.empty()) url += "?" + query;
    listing.line("Request",
                 text_in(approval, "method") + " " + url + " (" +
                     std::to_string(number_in(approval, "requestBytes")) + " bytes)");
    const auto body = text_in(approval, "bodyPreview");
    if (!body.empty()) listing.line("Body", body);
    listing.line("Caller", caller_of(approval));
    const auto state = text_in(approval, "state");
    listing.line(state == "pending" ? "Waiting" : "State",
                 state == "pending" ? waiting_of(approval) : state);
  }
  return listing.finish(approvals.items().size(), "approval", "approvals");
}

Result<int> decide(Session& session,
                   const Arguments& arguments,
                   std::string_view action,
                   const Value& body) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  const auto target =
      "/aivault/approvals/" + segment(trim(arguments.positional())) + std::string(action);
  return print_result(session, client.change(session, "POST", target, body), json::Order::as_built);
}

}  // namespace

Result<int> run_approvals(Session& session, const Arguments& arguments) {
  Query query{{"limit", "1000"}};
  if (arguments.has("all")) query.emplace_back("all", "1");
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto approvals,
             client.list(session,
                         "/aivault/approvals",
                         std::move(query),
                         std::numeric_limits<std::size_t>::max()));
  if (arguments.wants_json()) {
    session.print_json(approvals);
  } else {
    session.print(render(approvals, session.style()));
  }
  return kSuccess;
}

Result<int> run_approve(Session& session, const Arguments& arguments) {
  return decide(session, arguments, "/approve", Value::object());
}

Result<int> run_deny(Session& session, const Arguments& arguments) {
  auto body = Value::object();
  if (const auto reason = not_blank(arguments.text("reason"))) body.set("reason", *reason);
  return decide(session, arguments, "/deny", body);
}

}  // namespace aivault::cli
