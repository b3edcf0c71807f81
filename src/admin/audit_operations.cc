#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <ranges>

#include "admin/audit_page.h"
#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/shapes.h"
#include "base/text.h"
#include "json/write.h"

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

// The newest that match, and the number of the newest of all, in one snapshot.
Result<std::vector<audit::Record>> first_records(vault::Reader& reader,
                                                 const audit::Filter& filter,
                                                 std::int64_t& reached) {
  audit::Filter newest;
  newest.limit = 1;
  newest.sealed_only = true;
  TRY_ASSIGN(const auto last, reader.audit(newest));
  if (!last.empty()) reached = last.front().seq;
  return reader.audit(filter);
}

}  // namespace

bool AuditPages::are_asked_for(const Request& request) {
  return Query(request).text("follow") == "1";
}

Result<AuditPages> AuditPages::parse(const Request& request) {
  constexpr std::int64_t kDefault = 10;
  const Query query(request);
  AuditPages pages;
  TRY_ASSIGN(pages.filter_, filter_of(query));
  TRY_ASSIGN(const auto limit, query.limit());
  pages.filter_.limit = query.text("limit") ? static_cast<std::int64_t>(limit) : kDefault;
  pages.filter_.sealed_only = true;
  return pages;
}

Result<AuditPages::Page> AuditPages::first(vault::Vault& vault) const {
  Page page;
  TRY_ASSIGN(const auto records, vault::read(vault, [&](vault::Reader& reader) {
               return first_records(reader, filter_, page.reached);
             }));
  for (const auto& record : records | std::views::reverse) {
    page.lines += json::compact(audit::to_json(record)) + '\n';
  }
  return page;
}

Result<AuditPages::Page> AuditPages::after(vault::Vault& vault, std::int64_t reached) const {
  constexpr std::int64_t kPage = 500;
  audit::Filter all;
  all.above_seq = reached;
  all.oldest_first = true;
  all.limit = kPage;
  TRY_ASSIGN(const auto records,
             vault::read(vault, [&](vault::Reader& reader) { return reader.audit(all); }));
  Page page;
  page.reached = records.empty() ? reached : records.back().seq;
  page.more = std::ssize(records) == kPage;
  for (const auto& record : records) {
    if (!audit::accepts(filter_, record)) continue;
    page.lines += json::compact(audit::to_json(record)) + '\n';
  }
  return page;
}

Result<Answer> list_audit(Desk& desk, const Request& request) {
  const Query query(request);
  if (query.text("follow").value_or("1") != "1") {
    return invalid_request("record_invalid", "'follow' must be 1");
  }
  TRY_ASSIGN(const auto limit, query.limit());
  TRY_ASSIGN(auto filter, filter_of(query));
  filter.limit = static_cast<std::int64_t>(limit) + 1;
  TRY_ASSIGN(auto source, Records::open(desk));
  if (source.vault() != nullptr) source.vault()->flush();  // What has been answered is shown.
  TRY_ASSIGN(auto records,
             source.read([&](vault::Reader& reader) { return reader.audit(filter); }));
  Value next;
  if (records.size() > limit) {
    records.resize(limit);
    if (!records.empty()) next = std::to_string(records.back().seq);
  }
  Value items = Value::array();
  for (const auto& record : records) items.push(audit::to_json(record));
  return shape(list_of(std::move(items), std::move(next), source.warnings()));
}

Result<Answer> verify_audit(Desk& desk, const Request& request) {
  std::optional<audit::Head> head;
  for (const auto& [name, text] : request.query) {
    if (name != "head") continue;
    TRY_ASSIGN(head, audit::parse_head(trim(text)));  // A blank one is refused, not left out.
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
