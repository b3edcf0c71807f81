#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/shapes.h"
#include "base/text.h"
#include "catalog/secret_changes.h"

namespace aivault::admin {
namespace {

constexpr std::size_t kMaxEntries = 10'000;

// By name bytes; of one name the last entry counts.
using Entries = std::map<std::string, Request>;

Result<Entries> entries_of(const Body& body) {
  Entries entries;
  const auto* list = body.value("entries");
  if (list == nullptr) return entries;
  if (!list->is(json::Kind::array)) {
    return invalid_request("record_invalid", "'entries' must be an array");
  }
  if (list->items().size() > kMaxEntries) {
    return invalid_request("record_invalid", "'entries' must be at most 10000");
  }
  for (const auto& item : list->items()) {
    Request entry;
    entry.body = &item;
    TRY_ASSIGN(const auto fields, Body::open(entry, {"name", "value", "valueB64"}));
    TRY_ASSIGN(auto name, fields.text_or_empty("name"));
    if (name.empty()) return invalid_request("record_invalid", "entry key cannot be empty");
    entries.insert_or_assign(std::move(name), std::move(entry));
  }
  return entries;
}

bool is_blank(const Body& fields) {
  const auto* plain = fields.value("value");
  const auto* given = plain != nullptr ? plain : fields.value("valueB64");
  return given != nullptr && given->is(json::Kind::string) && trim(given->text()).empty();
}

// What happened to each name, in the words of the result.
struct Report {
  std::vector<std::string> created, rotated, skipped;
  json::Value failed = json::Value::array();
  std::vector<Answer::Notice> notices;
  std::vector<catalog::Step> steps;
};

Result<void> import_one(vault::Vault& vault,
                        const vault::Scope& scope,
                        const std::string& name,
                        const Body& fields,
                        const audit::Event& who,
                        Report& report) {
  TRY_ASSIGN(const auto value, fields.secret_value());
  TRY_ASSIGN(auto outcome, vault::change(vault, [&](vault::Change& change) {
               return catalog::import_secret(change, scope, name, value, who);
             }));
  const auto& pin = outcome.done.secret.pinned_provider;
  if (outcome.is_new && pin) {
    report.notices.push_back(
        notice("Secret created: " + name + " (pinned to provider: " + *pin + ")"));
  }
  (outcome.is_new ? report.created : report.rotated).push_back(name);
  std::ranges::move(outcome.done.steps, std::back_inserter(report.steps));
  return {};
}

// What one entry waits for may have come with a later one.
void drop_outdated(const Report& report, std::vector<catalog::Step>& steps) {
  using Kind = catalog::Step::Kind;
  const auto arrived = [&](const std::string& name) {
    return std::ranges::binary_search(report.created, name);
  };
  std::erase_if(steps, [&](const catalog::Step& step) {
    return step.kind == Kind::waiting && std::ranges::any_of(step.missing, arrived);
  });
}

}  // namespace

Result<Answer> import_secrets(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"scope", "workspaceId", "groupId", "entries"}));
  TRY_ASSIGN(const auto scope, body.scope());
  TRY_ASSIGN(const auto entries, entries_of(body));
  Report report;
  if (!entries.empty()) {
    TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
    for (const auto& [name, entry] : entries) {
      TRY_ASSIGN(const auto fields, Body::open(entry, {"name", "value", "valueB64"}));
      if (is_blank(fields)) {
        report.skipped.push_back(name);
        continue;
      }
      auto done = import_one(*vault, scope, name, fields, who(request), report);
      if (done) continue;
      report.failed.push(json::Value::object({{"error", done.error().message}, {"name", name}}));
    }
  }
  drop_outdated(report, report.steps);
  std::ranges::move(notices_of(report.steps), std::back_inserter(report.notices));
  return changed(ad_hoc(json::Value::object({{"created", texts(report.created)},
                                             {"failed", std::move(report.failed)},
                                             {"rotated", texts(report.rotated)},
                                             {"skipped", texts(report.skipped)}})),
                 std::move(report.notices));
}

}  // namespace aivault::admin
