#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/shapes.h"
#include "base/text.h"
#include "catalog/provider_changes.h"
#include "registry/file_texts.h"
#include "registry/operator_file.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using catalog::ProviderFiles;
using json::Value;

constexpr std::size_t kMostText = std::size_t{256} << 10U;  // As the parser takes it; bytes.

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

template <typename List>
Value texts_of(const List& list) {
  Value array = Value::array();
  for (const auto& text : list) array.push(std::string_view(text));
  return array;
}

Value flags_of(const registry::Capability& capability) {
  Value flags = Value::array();
  if (capability.emits) flags.push("emits");
  if (capability.is_explicit) flags.push("explicit");
  if (capability.nested) flags.push("nested");
  if (capability.wide) flags.push("wide");
  return flags;
}

Value capabilities_of(const registry::Provider& provider) {
  Value list = Value::array();
  for (const auto& capability : provider.capabilities) {
    list.push(Value::object({{"class", registry::to_string(capability.declared)},
                             {"flags", flags_of(capability)},
                             {"id", capability.id.view()},
                             {"methods", texts_of(registry::methods_of(capability))},
                             {"paths", texts_of(registry::patterns_of(capability))},
                             {"summary", capability.summary.view()}}));
  }
  return list;
}

Value hosts_of(const registry::Provider& provider) {
  std::vector<std::string_view> hosts;
  for (const auto& slot : provider.slots) {
    for (const std::string_view host : slot.hosts) {
      if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(host);
    }
  }
  return texts_of(hosts);
}

Value secrets_of(const registry::Provider& provider) {
  std::vector<std::string_view> names;
  for (const auto& kind : provider.kinds) {
    for (const auto& secret : kind.secrets) names.push_back(secret.name);
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return texts_of(names);
}

Value problems_of(const registry::Problems& problems, registry::Severity severity) {
  auto sorted = problems.all();
  std::ranges::sort(sorted, [](const registry::Problem& a, const registry::Problem& b) {
    return std::tie(a.at, a.code, a.text) < std::tie(b.at, b.code, b.text);
  });
  Value list = Value::array();
  for (const auto& problem : sorted) {
    if (problem.severity != severity) continue;
    list.push(Value::object({{"code", problem.code},
                             {"column", std::int64_t{problem.at.column}},
                             {"line", std::int64_t{problem.at.line}},
                             {"text", problem.text}}));
  }
  return list;
}

// What `provider check`, `add` and `show` print.
Value report(std::string_view id,
             const registry::Provider* provider,
             const registry::Problems& problems) {
  return Value::object(
      {{"capabilities", provider != nullptr ? capabilities_of(*provider) : Value::array()},
       {"errors", problems_of(problems, registry::Severity::error)},
       {"hosts", provider != nullptr ? hosts_of(*provider) : Value::array()},
       {"ok", provider != nullptr},
       {"provider", id.empty() ? Value() : Value(id)},
       {"secrets", provider != nullptr ? secrets_of(*provider) : Value::array()},
       {"warnings", problems_of(problems, registry::Severity::warning)}});
}

Value report(const registry::Judged& judged) {
  return report(judged.file ? std::string_view(judged.file->id.text) : std::string_view(),
                judged.provider ? &judged.provider->definition() : nullptr,
                judged.problems);
}

// Vendors change: what nobody has looked at for long may be wrong by now.
void note_age(registry::Judged& judged) {
  if (!judged.file) return;
  const auto& reviewed = judged.file->reviewed;
  using std::chrono::days;
  const auto today = std::chrono::floor<days>(std::chrono::system_clock::now());
  const std::chrono::year_month_day oldest(today - days(548));
  const auto text =
      std::to_string(int{oldest.year()}) + "-" + (unsigned{oldest.month()} < 10 ? "0" : "") +
      std::to_string(unsigned{oldest.month()}) + "-" + (unsigned{oldest.day()} < 10 ? "0" : "") +
      std::to_string(unsigned{oldest.day()});
  if (reviewed.text.empty() || reviewed.text >= text) return;
  judged.problems.warn(judged.file->file,
                       reviewed.at,
                       "FILE-5",
                       "'reviewed' is older than 18 months: look whether it is still right");
}

Result<std::string> text_in(const Body& body) {
  TRY_ASSIGN(const auto text, body.text("text"));
  if (!text) return invalid("'text' is required");
  if (text->size() > kMostText) return invalid("a provider file has at most 262144 bytes");
  return *text;
}

std::string id_of(const Request& request) { return std::string(trim(request.ids.front())); }

tl::unexpected<Error> unknown_provider(const std::string& id) {
  return not_found("provider '" + quote_for_message(id) + "' not found");
}

Value entry_of(const ProviderFiles::File& file) {
  const auto* provider = file.provider ? &file.provider->definition() : nullptr;
  Value problems = Value::array();
  if (provider == nullptr) problems.push(file.problem);
  const auto count = provider != nullptr ? provider->capabilities.size() : 0;
  return Value::object({{"capabilities", static_cast<std::int64_t>(count)},
                        {"enabled", provider != nullptr},
                        {"id", file.id},
                        {"name", provider != nullptr ? Value(provider->name) : Value()},
                        {"problems", std::move(problems)}});
}

}  // namespace

Result<Answer> check_provider(Desk&, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"text"}));
  TRY_ASSIGN(const auto text, text_in(body));
  auto judged = registry::judge_file(text, registry::Registry());
  note_age(judged);
  return ad_hoc(report(judged));
}

Result<Answer> list_providers(Desk& desk, const Request&) {
  TRY_ASSIGN(auto records, Records::open(desk));
  TRY_ASSIGN(const auto snapshot, records.snapshot());
  Value files = Value::array();
  for (const auto& file : snapshot->provider_files().files) files.push(entry_of(file));
  auto result = Value::object({{"files", std::move(files)},
                               {"path", records.root() + "/providers"},
                               {"providers", Value::array()}});
  add_warnings(result, records.warnings());
  return ad_hoc(std::move(result));
}

Result<Answer> show_provider(Desk& desk, const Request& request) {
  const auto id = id_of(request);
  if (const auto* provider = registry::find_provider(id); provider != nullptr) {
    return ad_hoc(report(id, provider, {}));
  }
  TRY_ASSIGN(auto records, Records::open(desk));
  TRY_ASSIGN(const auto snapshot, records.snapshot());
  const auto* file = snapshot->provider_files().find(id);
  if (file == nullptr) return unknown_provider(id);
  auto result = Value();
  if (file->provider) {
    result = report(id, &file->provider->definition(), {});
  } else if (file->text.empty()) {
    return vault_unavailable("row_integrity", file->problem);
  } else {
    const auto judged = registry::judge_file(file->text, snapshot->registry());
    result = report(id, nullptr, judged.problems);
  }
  add_warnings(result, records.warnings());
  return ad_hoc(std::move(result));
}

Result<Answer> export_provider(Desk& desk, const Request& request) {
  const auto id = id_of(request);
  const auto answer = [&](std::string_view text) {
    return ad_hoc(Value::object({{"provider", id}, {"text", text}}));
  };
  if (const auto text = registry::text_of_provider(id)) return answer(*text);
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(const auto row,
             vault::read(*vault, [&](vault::Reader& reader) { return reader.provider(id); }));
  if (!row || row->kind != vault::ProviderRow::Kind::file) return unknown_provider(id);
  return answer(row->body);
}

Result<Answer> add_provider(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"text", "replace", "dryRun"}));
  TRY_ASSIGN(const auto text, text_in(body));
  TRY_ASSIGN(const bool replace, body.flag("replace"));
  TRY_ASSIGN(const bool only_look, body.flag("dryRun"));
  TRY_ASSIGN(const auto open, open_vault(desk));
  TRY_ASSIGN(auto judged, vault::read(*open.vault, [&](vault::Reader& reader) {
               return catalog::judge_provider(reader, text);
             }));
  note_age(judged);
  auto result = report(judged);
  const auto* before =
      judged.file ? open.snapshot->provider_files().find(judged.file->id.text) : nullptr;
  if (before != nullptr && !replace) {
    return already_exists("provider '" + before->id + "' already exists");
  }
  if (only_look) {
    const bool known = before != nullptr && before->provider;
    result.set("before", known ? capabilities_of(before->provider->definition()) : Value::array());
    return ad_hoc(std::move(result));
  }
  const auto same = replace ? catalog::SameProvider::replaced : catalog::SameProvider::refused;
  TRY_ASSIGN(const auto added, vault::change(*open.vault, [&](vault::Change& change) {
               return catalog::add_provider(change, text, same, who(request));
             }));
  result.set("added", true).set("replaced", added.replaced);
  return changed(ad_hoc(std::move(result)), notices_of(added.steps));
}

Result<Answer> remove_provider(Desk& desk, const Request& request) {
  const auto id = id_of(request);
  if (!registry::is_operator_id(id)) {
    return invalid("provider '" + quote_for_message(id) +
                   "' is no file of yours: their ids begin with x-");
  }
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  const auto answer = [&](bool removed) {
    return changed(ad_hoc(Value::object({{"id", id}, {"removed", removed}})));
  };
  TRY_ASSIGN(const bool there, vault::read(*vault, [&](vault::Reader& reader) -> Result<bool> {
               const auto row = reader.provider(id);
               if (!row && !is_damaged_row(row.error())) return fail(row.error());
               return !row || row->has_value();
             }));
  if (!there) return answer(false);
  TRY_ASSIGN(const bool removed, vault::change(*vault, [&](vault::Change& change) {
               return catalog::remove_provider(change, id, who(request));
             }));
  return answer(removed);
}

}  // namespace aivault::admin
