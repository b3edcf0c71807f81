// audit and audit verify.
#include <algorithm>

#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/render_parts.h"

namespace aivault::cli {
namespace {

constexpr std::int64_t kDefaultLimit = 200;
constexpr std::int64_t kFollowLimit = 10;
constexpr std::int64_t kPage = 1000;

Query filters(const Arguments& arguments, std::int64_t limit) {
  Query query{{"limit", std::to_string(limit)}};
  const auto add_time = [&](const char* flag, const char* name) {
    const auto time = arguments.number(flag);
    if (time && *time > 0) query.emplace_back(name, std::to_string(*time));
  };
  add_time("before-ts-ms", "beforeTsMs");
  add_time("after-ts-ms", "afterTsMs");
  for (const auto& kind : arguments.list("kind")) query.emplace_back("kind", kind);
  const auto add_text = [&](const char* flag, const char* name) {
    if (const auto text = not_blank(arguments.text(flag))) query.emplace_back(name, *text);
  };
  add_text("capability", "capability");
  add_text("credential", "credential");
  add_text("secret-id", "secretId");
  add_text("agent", "agent");
  add_text("uid", "uid");
  add_text("outcome", "outcome");
  return query;
}

Result<int> follow(Session& session, const Arguments& arguments) {
  const auto limit = std::min(arguments.number("limit").value_or(kFollowLimit), kPage);
  auto query = filters(arguments, limit);
  query.emplace_back("follow", "1");
  TRY_ASSIGN(auto client, Client::for_operator(session));
  const auto print = [&session](std::string_view lines) -> Result<void> {
    session.print(lines);
    return {};
  };
  TRY(client.follow(with_query("/aivault/audit", query), print));
  return kSuccess;
}

// What a report that is not ok found, in one sentence.
std::string fault_of(const json::Value& report, std::string_view head) {
  const auto& missing = items_in(report, "missing");
  if (!missing.empty()) return "the audit is not complete: missing " + comma_list(missing);
  const auto bad = text_in(report, "firstBadSeq");
  if (!head.empty() && trim(head.substr(0, head.find(':'))) == bad) {
    return "the event of --head is not on the chain (seq " + bad +
           "): the vault was put back to an older state, or the chain is broken there";
  }
  return "the chain of the audit is broken at seq " + bad;
}

}  // namespace

Result<int> run_audit(Session& session, const Arguments& arguments) {
  if (arguments.has("follow")) return follow(session, arguments);
  const auto limit = arguments.number("limit").value_or(kDefaultLimit);
  if (limit == 0) {
    session.print_json(json::Value::array());
    return kSuccess;
  }
  auto query = filters(arguments, std::min(limit, kPage));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(
      const auto events,
      client.list(session, "/aivault/audit", std::move(query), static_cast<std::size_t>(limit)));
  session.print_json(events);
  return kSuccess;
}

Result<int> run_audit_verify(Session& session, const Arguments& arguments) {
  Query query;
  const auto head = arguments.text("head");
  // An empty one is a variable that was not set: it must not switch the check off.
  if (head && !not_blank(head)) {
    return invalid_request("", "--head must be SEQ:HASH, as `audit verify` prints them");
  }
  if (head) query.emplace_back("head", *head);
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto report, client.get("/aivault/audit/verify", query));
  session.print_json(report, json::Order::alphabetical);
  if (is_true_in(report, "ok")) return kSuccess;
  session.notice(fault_of(report, head.value_or("")));
  return kFailure;
}

}  // namespace aivault::cli
