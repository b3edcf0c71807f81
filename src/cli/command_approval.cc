// approvals, approve and deny.
#include <chrono>
#include <limits>
#include <set>
#include <string>
#include <thread>

#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/render_parts.h"
#include "json/write.h"

namespace aivault::cli {
namespace {

using json::Value;

enum class Which : bool { pending, all };

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

Result<Value> fetch(Session& session, Which which) {
  Query query{{"limit", "1000"}};
  if (which == Which::all) query.emplace_back("all", "1");
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return client.list(
      session, "/aivault/approvals", std::move(query), std::numeric_limits<std::size_t>::max());
}

// Looks again and again, until the daemon is gone or somebody ends us, and prints what is new: an
// approval that has come, with `all` also one that has been decided.
Result<int> follow(Session& session, const Arguments& arguments, Which which) {
  constexpr auto kPause = std::chrono::milliseconds(500);
  std::set<std::string> known;
  for (;; std::this_thread::sleep_for(kPause)) {
    TRY_ASSIGN(const auto approvals, fetch(session, which));
    std::set<std::string> present;
    for (const auto& approval : approvals.items()) {
      auto key = text_in(approval, "id") + " " + text_in(approval, "state");
      if (!known.contains(key)) {
        Value one = Value::array();
        one.push(approval);
        session.print(arguments.wants_json() ? json::compact(approval) + "\n"
                                             : render(one, session.style()) + "\n");
      }
      present.insert(std::move(key));
    }
    known = std::move(present);
  }
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
  const auto which = arguments.has("all") ? Which::all : Which::pending;
  if (arguments.has("follow")) return follow(session, arguments, which);
  TRY_ASSIGN(const auto approvals, fetch(session, which));
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
