#include "catalog/provider_changes.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "catalog/facts.h"
#include "catalog/provider_files.h"
#include "registry/operator_file.h"

namespace aivault::catalog {
namespace {

constexpr std::size_t kPage = 1000;

std::string listed(const registry::Problems& problems) {
  std::string text;
  for (const auto& problem : problems.all()) {
    if (problem.severity != registry::Severity::error) continue;
    text += "\n" + std::to_string(problem.at.line) + ":" + std::to_string(problem.at.column) +
            ": error " + problem.code + ": " + problem.text;
  }
  return text;
}

// The names that the provider claims, with the scopes in which they are there.
using Members = std::set<std::pair<std::string, vault::Scope>>;
Result<Members> members_of(vault::Reader& reader, const registry::OwnProvider& provider) {
  Members members;
  std::optional<vault::Reader::After> after;
  std::vector<vault::Problem> damaged;  // What cannot be read makes nothing.
  const auto claims = provider.claims();
  for (;;) {
    TRY_ASSIGN(const auto page, reader.secrets({}, after, kPage, damaged));
    for (const auto& secret : page) {
      const bool claimed = std::ranges::any_of(
          claims, [&](const registry::Claim& claim) { return claim.secret == secret.name; });
      if (claimed && !secret.revoked_at) members.emplace(secret.name, secret.scope);
    }
    if (page.size() < kPage) return members;
    after = vault::Reader::After{page.back().name, page.back().id.str()};
  }
}

// What was made of its secrets when the file was here before may have grown old.
Result<std::vector<Step>> provision(vault::Change& change,
                                    const registry::OwnProvider& provider,
                                    const audit::Event& who) {
  TRY_ASSIGN(auto steps, keep_everything_in_step(change, who));
  TRY_ASSIGN(const auto members, members_of(change, provider));
  for (const auto& [name, scope] : members) {
    TRY_ASSIGN(auto more, keep_in_step(change, provider.definition(), scope, name, who));
    for (auto& step : more) {
      const bool told = std::ranges::any_of(steps, [&](const Step& other) {
        return other.credential == step.credential && other.missing == step.missing;
      });
      if (!told) steps.push_back(std::move(step));
    }
  }
  return steps;
}

audit::Event event_of(const audit::Event& who, std::string kind, std::string_view id) {
  auto event = catalog::event_of(who, std::move(kind));
  event.note = "provider " + std::string(id);
  return event;
}

}  // namespace

Result<registry::Judged> judge_provider(vault::Reader& reader, std::string_view text) {
  TRY_ASSIGN(auto files, read_provider_files(reader));
  auto judged = registry::judge_file(text, *files.registry);
  if (!judged.file || !judged.provider) return judged;
  const auto& id = judged.file->id;
  if (!registry::is_operator_id(id.text)) {
    judged.problems.error(judged.file->file,
                          id.at,
                          "FILE-4",
                          "the id of a provider that is added begins with x-: 'x-" + id.text + "'");
    judged.provider = nullptr;
  } else if (files.find(id.text) == nullptr && files.files.size() >= registry::kMostOperatorFiles) {
    judged.problems.error(
        judged.file->file, id.at, "FILE-4", "a vault holds at most 20 provider files");
    judged.provider = nullptr;
  }
  return judged;
}

Result<ProviderAdded> add_provider(vault::Change& change,
                                   std::string_view text,
                                   SameProvider same,
                                   const audit::Event& who) {
  TRY_ASSIGN(const auto judged, judge_provider(change, text));
  if (!judged.provider) {
    return invalid_request("record_invalid",
                           "the provider file has errors:" + listed(judged.problems));
  }
  const std::string id(judged.provider->definition().id);
  ProviderAdded added;
  const auto before = change.provider(id);
  if (!before && before.error().reason != "row_integrity") return fail(before.error());
  added.replaced = !before || before->has_value();
  if (added.replaced && same == SameProvider::refused) {
    return invalid_request("exists", "provider '" + id + "' already exists");
  }
  // What was there is replaced without being trusted.
  if (!before) TRY(change.remove_provider(id));
  vault::ProviderRow row;
  row.id = id;
  row.body = text;
  row.updated_at = change.now();
  TRY(change.put(row));
  auto event = event_of(who, "provider.add", id);
  event.note += body_note(row.body);
  change.record(std::move(event));
  TRY_ASSIGN(added.steps, provision(change, *judged.provider, who));
  return added;
}

Result<bool> remove_provider(vault::Change& change, std::string_view id, const audit::Event& who) {
  TRY_ASSIGN(const bool removed, change.remove_provider(id));
  if (!removed) return false;
  change.record(event_of(who, "provider.remove", id));
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(auto rows, change.credentials(damaged));
  for (auto& row : rows) {
    const auto facts = parse_facts(row.body);
    const bool by_hand = facts && facts->auth;  // It says itself how it is used.
    if (row.provider != id || !row.enabled || by_hand) continue;
    row.enabled = false;
    row.updated_at = change.now();
    TRY(change.put(row));
    change.record(catalog::event_of(who, "credential.disable", row));
  }
  return true;
}

}  // namespace aivault::catalog
