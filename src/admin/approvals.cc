#include "catalog/approvals.h"

#include <algorithm>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/shapes.h"
#include "base/encoding.h"
#include "base/text.h"

namespace aivault::admin {
namespace {

using catalog::Approvals;
using json::Value;

constexpr std::size_t kPreview = 1024;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Value text_or_null(const std::string& text) { return text.empty() ? Value() : Value(text); }

void add_body(const Approvals::Entry& entry, Value& result) {
  const auto& body = entry.asked.body;
  if (!entry.body_sha256.empty()) result.set("bodySha256", entry.body_sha256);
  if (body.empty()) return;
  const auto shown = std::string_view(body).substr(0, kPreview);
  auto preview = quote_for_message(shown, kPreview);
  if (body.size() > kPreview) {
    preview += " (" + std::to_string(kPreview) + " of " + std::to_string(body.size()) + " shown)";
  }
  result.set("bodyPreview", preview);
}

// Approval, keys in documented order.
Value to_json(const Approvals::Entry& entry) {
  const auto& asked = entry.asked;
  auto result = Value::object({{"id", entry.id},
                               {"state", catalog::to_string(entry.state)},
                               {"capability", asked.capability},
                               {"credential", asked.credential},
                               {"method", asked.method},
                               {"host", asked.host},
                               {"path", asked.path}});
  if (!asked.query.empty()) result.set("query", asked.query);
  result.set("requestBytes", entry.body_size)
      .set("agent", asked.agent.empty() ? Value() : Value(asked.agent))
      .set("uid", asked.uid)
      .set("user", asked.user)
      .set("pid", asked.pid)
      .set("exe", asked.exe);
  if (!asked.unit.empty()) result.set("unit", asked.unit);
  result.set("workspaceId", text_or_null(asked.workspace))
      .set("groupId", text_or_null(asked.group))
      .set("createdAtMs", to_int(entry.created_at))
      .set("expiresAtMs", to_int(entry.expires_at))
      .set("decidedAtMs", entry.decided_at ? Value(to_int(*entry.decided_at)) : Value())
      .set("reason", text_or_null(entry.reason));
  Value headers = Value::array();
  for (const auto& [name, value] : asked.headers) {
    headers.push(Value::object({{"name", name}, {"value", value}}));
  }
  if (!asked.headers.empty()) result.set("headers", std::move(headers));
  add_body(entry, result);
  return result;
}

Result<Answer> decide(Desk& desk,
                      const Request& request,
                      Approvals::State how,
                      std::string_view kind,
                      std::string reason) {
  const auto& id = request.ids.front();
  auto& approvals = desk.catalog.approvals();
  TRY_ASSIGN(const auto pending, approvals.find_pending(id));
  TRY_ASSIGN(const auto vault, desk.slot.get());
  // What is not recorded is not decided.
  TRY(vault->change([&](vault::Change& change) -> Result<void> {
    auto event = catalog::event_of(who(request), std::string(kind));
    event.capability = pending.asked.capability;
    event.approval_id = id;
    event.note = reason;
    change.record(std::move(event));
    return {};
  }));
  TRY_ASSIGN(const auto entry, approvals.decide(id, how, std::move(reason), now()));
  return changed(shape(to_json(entry)));
}

}  // namespace

Result<Answer> list_approvals(Desk& desk, const Request& request) {
  const Query query(request);
  const auto which =
      query.text("all").value_or("") == "1" ? Approvals::Which::all : Approvals::Which::pending;
  Value items = Value::array();
  for (const auto& entry : desk.catalog.approvals().list(which, now())) items.push(to_json(entry));
  return shape(list_of(std::move(items), Value()));
}

// Also the whole body of one that is pending.
Result<Answer> show_approval(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto entry, desk.catalog.approvals().find_pending(request.ids.front()));
  auto result = to_json(entry);
  if (!entry.asked.body.empty()) result.set("bodyB64", base64(bytes_of(entry.asked.body)));
  return shape(std::move(result));
}

Result<Answer> approve_call(Desk& desk, const Request& request) {
  TRY(Body::open(request, {}));
  return decide(desk, request, Approvals::State::approved, "approval.approve", "");
}

Result<Answer> deny_call(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"reason"}));
  TRY_ASSIGN(auto reason, body.text_or_empty("reason"));
  constexpr std::size_t kMaxReason = 256;
  if (reason.size() > kMaxReason) {
    return invalid_request("record_invalid", "'reason' must be at most 256 bytes");
  }
  return decide(desk, request, Approvals::State::denied, "approval.deny", std::move(reason));
}

}  // namespace aivault::admin
