#include <algorithm>
#include <array>
#include <charconv>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/shapes.h"

namespace aivault::admin {
namespace {

using json::Value;

Result<void> read_numbers(const Query& query, audit::Filter& filter) {
  TRY_ASSIGN(filter.before_ms, query.integer("beforeTsMs"));
  TRY_ASSIGN(filter.after_ms, query.integer("afterTsMs"));
  TRY_ASSIGN(filter.uid, query.integer("uid"));
  TRY_ASSIGN(const auto below, query.integer("cursor"));
  if (!below) return {};
  if (*below <= 0) return invalid_request("record_invalid", "'cursor' is not one of ours");
  filter.below_seq = *below;
  return {};
}

Result<audit::Filter> filter_of(const Query& query) {
  constexpr std::array<std::string_view, 4> kOutcomes = {"started", "ok", "denied", "error"};
  audit::Filter filter;
  TRY(read_numbers(query, filter));
  filter.kinds = query.all("kind");
  filter.capability = query.text("capability").value_or("");
  filter.credential = query.text("credential").value_or("");
  filter.secret_id = query.text("secretId").value_or("");
  if (const auto id = parse_secret_id(filter.secret_id)) filter.secret_id = id->str();
  filter.agent = query.text("agent").value_or("");
  filter.outcome = query.text("outcome").value_or("");
  if (!filter.outcome.empty() && std::ranges::find(kOutcomes, filter.outcome) == kOutcomes.end()) {
    return invalid_request("record_invalid", "'outcome' must be started, ok, denied or error");
  }
  return filter;
}

}  // namespace

Result<Answer> list_audit(Desk& desk, const Request& request) {
  const Query query(request);
  TRY_ASSIGN(const auto limit, query.limit());
  TRY_ASSIGN(auto filter, filter_of(query));
  filter.limit = static_cast<std::int64_t>(limit) + 1;
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  vault->flush();  // What has been answered is shown.
  TRY_ASSIGN(auto records,
             vault::read(*vault, [&](vault::Reader& reader) { return reader.audit(filter); }));
  Value next;
  if (records.size() > limit) {
    records.resize(limit);
    if (!records.empty()) next = std::to_string(records.back().seq);
  }
  Value items = Value::array();
  for (const auto& record : records) items.push(audit::to_json(record));
  return shape(list_of(std::move(items), std::move(next)));
}

Result<Answer> verify_audit(Desk& desk, const Request& request) {
  const Query query(request);
  std::optional<audit::Head> head;
  if (const auto text = query.text("head")) {
    TRY_ASSIGN(head, audit::parse_head(*text));
  }
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  vault->flush();
  TRY_ASSIGN(const auto found, vault->verify_audit(head));
  return ad_hoc(Value::object({{"archived", found.archived},
                               {"events", found.events},
                               {"firstBadSeq", found.first_bad_seq},
                               {"headHash", found.head_hash},
                               {"headSeq", found.head_seq},
                               {"missing", texts(found.missing)},
                               {"ok", found.ok}}));
}

}  // namespace aivault::admin
