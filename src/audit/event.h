// Event: one act in the audit. Holds names, ids and counts; never a value, key, token, query,
// body or header value. Unset members are absent from the record.
// Thread: any; a plain value. Text fields are cut at 256 bytes (plus a hash) when stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "json/value.h"

namespace aivault::audit {

struct Event {
  std::string kind;  // "capability.invoke", "secret.create", ...
  std::string secret_id, scope, actor, capability, consumer, note;
  std::optional<std::int64_t> uid;
  std::string user;
  std::optional<std::int64_t> pid;
  std::string exe, unit, agent, token_id, credential, method, path, host;
  std::string outcome;  // started | ok | denied | error
  std::string code, reason;
  std::optional<int> status;
  std::optional<std::int64_t> request_bytes, response_bytes, duration_ms;
  std::string workspace_id, group_id, approval_id, request_id;
  std::optional<std::int64_t> count;
  bool late = false, imported = false;
  // When it happened, where that is earlier than when it is recorded; not part of the body.
  std::optional<UnixMs> at;
};

// One record as it is in the chain.
struct Record {
  std::int64_t seq = 0;
  UnixMs at;
  Event event;
  bool sealed = true;  // false: it waits for the chain (vault/pending.h).
};

// AuditEvent of the command line: keys in documented order, unset ones absent.
json::Value to_json(const Record& record);
// What is stored and hashed: the event without kind, as compact JSON.
std::string to_body(const Event& event);
Event from_body(std::string kind, std::string_view body);

struct Filter {
  std::int64_t limit = 200;
  std::optional<std::int64_t> before_ms, after_ms;  // Exclusive; values <= 0 count as absent.
  std::vector<std::string> kinds;                   // OR; each may end in '*'.
  std::string capability;                           // Exact, or a prefix and one final '*'.
  std::string credential, secret_id, agent, outcome;
  std::optional<std::int64_t> uid;
  std::int64_t below_seq = 0;  // 0: newest; else only records with a smaller seq (paging).
  std::int64_t above_seq = 0;  // Only records with a greater seq.
  bool oldest_first = false;
  bool sealed_only = false;  // Without what waits for the chain.
};

// Every condition but `limit`.
bool accepts(const Filter& filter, const Record& record);

struct Verification {
  // `archived`: those of the events that are in archives.
  std::int64_t archived = 0, events = 0, head_seq = 0;
  std::string head_hash;  // 64 hex digits.
  std::optional<std::int64_t> first_bad_seq;
  std::vector<std::string> missing;
  bool ok = false;
};

struct Head {
  std::int64_t seq = 0;
  std::string hash;  // 64 hex digits.
};
Result<Head> parse_head(std::string_view text);  // "SEQ:HASH"

}  // namespace aivault::audit
