#include "format1/import.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/text.h"
#include "catalog/provision.h"
#include "crypto/uuid.h"
#include "format1/history.h"
#include "format1/run.h"
#include "format1/source_key.h"

namespace aivault::format1 {
namespace {

constexpr std::int64_t kRecordsLookedAt = 1000;
constexpr std::string_view kRehearsal = "rehearsal";
constexpr std::string_view kReference = "vault:secret:";

// By which a second import of the same vault is known.
std::string mark_of(const Header& header) {
  return "source " + std::to_string(to_int(header.created_at)) + " " + header.key_id.substr(0, 16);
}

Result<bool> has_its_history(vault::Reader& reader, const std::string& mark) {
  audit::Filter filter;
  filter.kinds = {"vault.import"};
  filter.limit = kRecordsLookedAt;
  TRY_ASSIGN(const auto records, reader.audit(filter));
  for (const auto& record : records) {
    const auto& note = record.event.note;
    if (!record.event.imported && note.starts_with(mark) &&
        note.find(", audit 0") == std::string::npos) {
      return true;
    }
  }
  return false;
}

Result<void> import_history(Run& run, const std::string& mark) {
  if (run.choice.skip_audit) return {};
  TRY_ASSIGN(const bool done, has_its_history(run.change, mark));
  if (done) {
    run.report.notices.emplace_back(
        "The history of this vault was imported before and is not repeated");
    return {};
  }
  auto read = read_history(run.source, [&](const audit::Event& event) -> Result<void> {
    TRY(run.change.record_history(event));
    ++run.report.audit;
    return {};
  });
  if (!read) return settle(run, "file", kAuditDirectory, fail(std::move(read).error()));
  for (const auto& failure : read->failures) {
    run.report.add_failure("audit", failure.file, failure.error.message);
  }
  if (read->unreadable_lines > 0) {
    run.report.notices.push_back(std::to_string(read->unreadable_lines) +
                                 " lines of the history could not be read");
  }
  return {};
}

std::string summary_of(const Report& report, const std::string& mark) {
  const auto count = [](std::string_view what, std::int64_t number) {
    return ", " + std::string(what) + " " + std::to_string(number);
  };
  return mark + ", format 1" + count("secrets", report.secrets) +
         count("credentials", report.credentials) + count("capabilities", report.capabilities) +
         count("policies", report.policies) + count("bindings", report.bindings) +
         count("failed", report.failures) + count("audit", report.audit);
}

void note_changed_ids(Run& run) {
  for (const auto& change : run.ids.changes()) {
    run.report.notices.push_back("The workspace or group " + change);
  }
}

void note_ignored(Run& run) {
  if (run.source.has("providers")) {
    run.report.notices.emplace_back(
        "'providers/' is not imported: install plugins anew with `aivault provider install`");
  }
}

// What became callable comes before everything else that there is to say.
Result<void> arrange_notices(Run& run) {
  TRY_ASSIGN(auto notices, run.callable.sentences(run.change));
  auto& others = run.report.notices;
  cut(others);
  std::ranges::move(others, std::back_inserter(notices));
  others = std::move(notices);
  return {};
}

Result<void> run_all(Run& run, const Header& header, const Secret& key) {
  const auto mark = mark_of(header);
  TRY(run.callable.look(run.change));
  TRY(import_history(run, mark));
  const auto failures = run.report.failures;
  TRY(import_secrets(run, key));
  if (!is_named(header, key) && !run.opened_any && run.report.failures > failures) {
    return vault_unavailable("wrong_key",
                             "vault provider misconfigured: the key is not the one that '" +
                                 run.source.path() +
                                 "' names, and opens none of its secrets: wrong key (decrypt "
                                 "failed)");
  }
  TRY(import_broker(run));
  TRY(import_bindings(run));
  TRY(catalog::remember_registry(run.change));
  note_changed_ids(run);
  note_ignored(run);
  TRY(arrange_notices(run));
  auto event = catalog::event_of(run.who, "vault.import");
  event.note = summary_of(run.report, mark);
  run.change.record(std::move(event));
  return {};
}

}  // namespace

void Report::add_failure(std::string kind, std::string id, std::string error) {
  ++failures;
  if (failed.size() < kMaxListed) {
    failed.push_back({std::move(kind), quote_for_message(id, 256), std::move(error)});
  }
}

void Report::add_skipped(std::string kind, std::string id, std::string reason) {
  if (skipped.size() < kMaxListed) {
    skipped.push_back({std::move(kind), quote_for_message(id, 256), std::move(reason)});
  }
}

bool concerns_one_entry(const Error& error) {
  return error.code == ErrorCode::invalid_request || error.code == ErrorCode::policy_violation ||
         error.reason == "row_integrity";
}

Result<void> settle(Run& run, std::string kind, std::string id, Result<void> outcome) {
  if (outcome) return {};
  if (!concerns_one_entry(outcome.error())) return outcome;
  run.report.add_failure(std::move(kind), std::move(id), outcome.error().message);
  return {};
}

std::optional<SecretId> parse_reference(std::string_view reference) {
  auto text = trim(reference);
  if (!text.starts_with(kReference)) return std::nullopt;
  auto id = to_lower(text.substr(kReference.size()));
  if (!crypto::is_uuid(id)) return std::nullopt;
  return SecretId(std::move(id));
}

Result<Referred> referred_secret(Run& run, std::string_view reference) {
  const auto id = parse_reference(reference);
  if (!id) return invalid_request("record_invalid", "invalid secret_ref");
  Referred referred;
  TRY_ASSIGN(auto secret, run.change.secret(*id));
  if (!secret || secret->revoked_at) return referred;
  if (run.theirs.contains(*id)) {
    referred.secret = std::move(secret);
  } else {
    referred.why_not = "its secret was here before and is not one of the old vault";
  }
  return referred;
}

Result<Report> import_vault(vault::Vault& target,
                            const Source& source,
                            const Header& header,
                            const Secret& key,
                            const Choice& choice,
                            const audit::Event& who) {
  Report report;
  auto done = target.change([&](vault::Change& change) -> Result<void> {
    report = {};  // On a full disk the work is done again once there is room.
    Run run{change, source, choice, who, report};
    TRY(run_all(run, header, key));
    if (choice.keeping == Keeping::everything) return {};
    // What fails leaves nothing behind.
    return invalid_request(std::string(kRehearsal), "rolled back");
  });
  const bool rehearsed =
      choice.keeping == Keeping::nothing && !done && done.error().reason == kRehearsal;
  if (!done && !rehearsed) return fail(std::move(done).error());
  return report;
}

}  // namespace aivault::format1
