#include "vault/draft.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "audit/log.h"
#include "json/write.h"
#include "store/seals.h"
#include "store/tables.h"

namespace aivault::vault {
namespace {

using store::Table;

// An audit row names the rows of its change one by one up to this many.
constexpr std::size_t kMaxNamedObjects = 10'000;

tl::unexpected<Error> integrity(Table table, std::string_view id, const std::string& what) {
  return vault_unavailable("row_integrity",
                           "row integrity check failed: " + std::string(store::name_of(table)) +
                               "/" + std::string(id) + ": " + what);
}

// The main object of a change, by which its history is found.
std::optional<std::string> subject_of(const audit::Event& event) {
  if (event.kind == "capability.invoke") return std::nullopt;
  if (event.kind == "audit.disabled" || event.kind == "audit.enabled") return "audit/calls";
  if (!event.secret_id.empty()) return "secrets/" + event.secret_id;
  if (!event.credential.empty()) return "credentials/" + event.credential;
  if (!event.capability.empty()) return "capabilities/" + event.capability;
  return std::nullopt;
}

}  // namespace

Draft::Draft(store::Database& database, Core& core, UnixMs now)
    : database_(database),
      core_(core),
      memory_(core.memory()),
      now_(now),
      state_(memory_.state),
      digest_(memory_.digest) {}

const RowWrite* Draft::written(Table table, std::string_view id) const {
  const auto places = places_.find(table);
  if (places == places_.end()) return nullptr;
  const auto place = places->second.find(id);
  return place == places->second.end() ? nullptr : &writes_[place->second];
}

std::optional<std::int64_t> Draft::rev_of(Table table, std::string_view id) const {
  if (const auto* write = written(table, id)) return write->rev;
  return memory_.revisions->at(table, id, memory_.state.counter);
}

std::vector<std::string> Draft::ids(Table table) const {
  const auto before = memory_.revisions->ids(table, memory_.state.counter);
  std::set<std::string> ids(before.begin(), before.end());
  for (const auto& write : writes_) {
    if (write.table != table) continue;
    if (write.rev) {
      ids.insert(write.id);
    } else {
      ids.erase(write.id);
    }
  }
  return {ids.begin(), ids.end()};
}

void Draft::note(Table table, std::string_view id, std::optional<std::int64_t> rev) {
  const auto [place, is_new] = places_[table].emplace(id, writes_.size());
  if (is_new) {
    writes_.push_back({table, std::string(id), rev});
  } else {
    writes_[place->second].rev = rev;
  }
}

Result<void> Draft::subtract(Table table, std::string_view id) {
  const auto expected = rev_of(table, id);
  if (!expected) return {};
  TRY_ASSIGN(const auto seal, store::find_seal(database_, table, id));
  if (!seal || seal->rev != *expected) return integrity(table, id, "seal");
  digest_.subtract(keys().set_element(table, id, *seal));
  --state_.objects;
  return {};
}

Result<void> Draft::put(Table table, const store::Row& row, const SecretRecord* lists) {
  const auto id = store::id_of(row);
  TRY(subtract(table, id));
  TRY(store::put_row(database_, table, row));
  const auto mac = keys().row_mac(table, next_counter(), row, lists);
  const store::RowSeal seal{next_counter(), std::string(crypto::view(mac))};
  TRY(store::put_seal(database_, table, id, seal));
  digest_.add(keys().set_element(table, id, seal));
  ++state_.objects;
  note(table, id, seal.rev);
  return {};
}

Result<void> Draft::remove(Table table, std::string_view id) {
  TRY(subtract(table, id));
  TRY(store::remove_row(database_, table, id));
  TRY(store::remove_seal(database_, table, id));
  note(table, id, std::nullopt);
  return {};
}

Result<void> Draft::remove_untrusted(Table table, std::string_view id) {
  TRY(store::remove_row(database_, table, id));
  TRY(store::remove_seal(database_, table, id));
  const bool counted = rev_of(table, id).has_value();
  note(table, id, std::nullopt);
  Digest remaining;
  std::int64_t objects = 0;
  TRY(store::scan_seals(
      database_, [&](Table other, std::string_view other_id, const store::RowSeal& seal) {
        if (rev_of(other, other_id) != seal.rev) {
          return Result<void>(integrity(other, other_id, "revision; run `aivault recover`"));
        }
        ++objects;
        remaining.add(keys().set_element(other, other_id, seal));
        return Result<void>();
      }));
  if (objects != state_.objects - (counted ? 1 : 0)) {
    return vault_unavailable("row_integrity",
                             "row integrity check failed: vault.db: other rows are missing; put "
                             "back a copy of the vault directory");
  }
  digest_ = remaining;
  state_.objects = objects;
  return {};
}

std::string Draft::objects_json() const {
  if (writes_.size() > kMaxNamedObjects) return R"(["*"])";
  auto objects = json::Value::array();
  for (const auto& write : writes_) {
    objects.push((write.rev ? "+" : "-") + std::string(store::name_of(write.table)) + "/" +
                 write.id);
  }
  return json::compact(objects);
}

Result<void> Draft::append(const audit::Event& event, bool with_objects) {
  const auto epoch = memory_.keys->epoch();
  audit::Row row;
  row.seq = ++state_.audit_seq;
  row.ts_ms = to_int(std::min(event.at.value_or(now_), now_));
  row.kind = event.kind;
  row.epoch = epoch;
  if (with_objects) {
    row.rev = next_counter();
    row.objects = objects_json();
  }
  row.subject = subject_of(event);
  row.body = audit::to_body(event);
  const auto head = audit::chain_hash(*memory_.keys->audit_key(epoch),
                                      crypto::hash_from(state_.audit_head),
                                      memory_.keys->vault_id(),
                                      row);
  TRY(audit::append(database_, row, head));
  state_.audit_head = crypto::view(head);
  appended_.add(event);
  return {};
}

Result<void> Draft::append_history(const audit::Event& event) { return append(event, false); }

Result<void> Draft::finish(const std::vector<audit::Event>& events) {
  bool first = !writes_.empty();
  for (const auto& event : events) TRY(append(event, std::exchange(first, false)));
  state_.counter = next_counter();
  state_.last_ts_ms = std::max(state_.last_ts_ms, to_int(now_));
  keys().seal_digest(state_, digest_);
  return store::store_state(database_, state_);
}

Result<void> publish(Core& core, const Draft& draft, store::Transaction transaction) {
  auto& revisions = *core.memory().revisions;
  const auto counter = draft.state().counter;
  revisions.announce(counter, draft.writes());
  const auto began = std::chrono::steady_clock::now();
  if (auto done = transaction.commit(); !done) {
    revisions.retract(counter);
    return done;
  }
  draft.appended().tell(core.metrics(), std::chrono::steady_clock::now() - began);
  core.committed(draft.state(), draft.digest(), !draft.writes().empty());
  return {};
}

}  // namespace aivault::vault
