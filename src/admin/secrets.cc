#include <algorithm>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/shapes.h"
#include "base/encoding.h"
#include "base/text.h"
#include "catalog/derived.h"
#include "catalog/secret_changes.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

constexpr std::size_t kIdSize = 36;       // Bytes of a UUID.
constexpr std::size_t kShortSecret = 12;  // Bytes; below, a value may be guessed.

tl::unexpected<Error> unknown_secret() { return not_found("secret not found"); }

Result<SecretId> id_of(const Request& request) {
  auto id = parse_secret_id(request.ids.front());
  if (!id) return unknown_secret();
  return *std::move(id);
}

std::vector<std::string> canonical_aliases(const std::vector<std::string>& given) {
  std::vector<std::string> aliases;
  for (const auto& alias : given) {
    if (!trim(alias).empty()) aliases.emplace_back(trim(alias));
  }
  std::ranges::sort(aliases);
  const auto repeats = std::ranges::unique(aliases);
  aliases.erase(repeats.begin(), repeats.end());
  return aliases;
}

Result<std::optional<UnixMs>> expiry_in(const Body& body) {
  TRY_ASSIGN(const auto ms, body.integer("expiresAtMs"));
  if (!ms) return std::optional<UnixMs>();
  if (*ms <= 0) return invalid_request("record_invalid", "'expiresAtMs' must be positive");
  return std::optional(from_int(*ms));
}

Result<std::optional<std::int64_t>> reminder_in(const Body& body) {
  TRY_ASSIGN(const auto days, body.integer("rotateEveryDays"));
  if (!days || *days == 0) return std::optional<std::int64_t>();
  if (*days < 0 || *days > 36'500) {
    return invalid_request("record_invalid", "'rotateEveryDays' must be 0 to 36500");
  }
  return days;
}

// Advice about a new value; nothing of it is repeated.
void advise(const registry::Registry& known,
            const Body& body,
            const Secret& value,
            const vault::SecretRecord& secret,
            std::vector<Answer::Notice>& notices) {
  const auto* claim = known.claim_of(secret.name);
  const auto* provider = claim != nullptr ? claim->providers.front().get() : nullptr;
  if (provider != nullptr && !provider->looks_like.empty() &&
      catalog::base_kind(*provider).secrets.size() == 1 &&
      !body.value_begins_with(provider->looks_like)) {
    notices.push_back(warning("the value of " + secret.name + " does not begin with '" +
                              std::string(provider->looks_like) + "' as keys of " +
                              std::string(provider->name) + " usually do"));
  }
  if (value.size() < kShortSecret) {
    notices.push_back(warning("the value of " + secret.name + " is short and may be guessable"));
  }
}

Answer answer_of(const catalog::SecretOutcome& outcome) {
  return changed(shape(to_json(outcome.secret)), notices_of(outcome.steps));
}

}  // namespace

Result<Answer> list_secrets(Desk& desk, const Request& request) {
  const Query query(request);
  TRY_ASSIGN(const auto limit, query.limit());
  vault::SecretFilter filter;
  if (const auto scope = query.text("scope")) {
    using Kind = vault::Scope::Kind;
    if (*scope == "global") {
      filter.kind = Kind::global;
    } else if (*scope == "workspace") {
      filter.kind = Kind::workspace;
    } else if (*scope == "group") {
      filter.kind = Kind::group;
    } else {
      return invalid_request("record_invalid", "'scope' must be global, workspace or group");
    }
  }
  filter.workspace = query.text("workspaceId");
  filter.group = query.text("groupId");
  std::optional<vault::Reader::After> after;
  if (const auto cursor = query.text("cursor")) {
    const auto place = from_hex(*cursor);
    if (!place || place->size() < kIdSize) {
      return invalid_request("record_invalid", "'cursor' is not one of ours");
    }
    const auto cut = place->size() - kIdSize;
    after = vault::Reader::After{place->substr(0, cut), place->substr(cut)};
  }
  TRY_ASSIGN(auto records, Records::open(desk));
  auto damaged = records.warnings();
  TRY_ASSIGN(auto page, records.read([&](vault::Reader& reader) {
    return reader.secrets(filter, after, limit + 1, damaged);
  }));
  json::Value next;
  if (page.size() > limit) {
    page.resize(limit);
    if (!page.empty()) {
      const auto place = page.back().name + page.back().id.str();
      next = hex(bytes_of(place));
    }
  }
  json::Value items = json::Value::array();
  for (const auto& secret : page) items.push(to_json(secret));
  return shape(list_of(std::move(items), std::move(next), damaged));
}

Result<Answer> show_secret(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto id, id_of(request));
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(const auto found,
             vault::read(*vault, [&](vault::Reader& reader) { return reader.secret(id); }));
  if (!found) return unknown_secret();
  return shape(to_json(*found));
}

Result<Answer> create_secret(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request,
                        {"name",
                         "value",
                         "valueB64",
                         "scope",
                         "workspaceId",
                         "groupId",
                         "aliases",
                         "expiresAtMs",
                         "rotateEveryDays"}));
  vault::NewSecret wanted;
  TRY_ASSIGN(wanted.name, body.text_or_empty("name"));
  if (wanted.name.empty()) return invalid_request("record_invalid", "secret name is required");
  TRY_ASSIGN(wanted.scope, body.scope());
  TRY_ASSIGN(const auto aliases, body.texts("aliases"));
  wanted.aliases = canonical_aliases(aliases);
  TRY_ASSIGN(wanted.expires_at, expiry_in(body));
  TRY_ASSIGN(wanted.rotate_every_days, reminder_in(body));
  TRY_ASSIGN(const auto value, body.secret_value());

  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(const auto outcome, vault::change(*vault, [&](vault::Change& change) {
               return catalog::create_secret(change, wanted, value, who(request));
             }));
  TRY_ASSIGN(const auto snapshot, desk.catalog.current(*vault));
  auto answer = answer_of(outcome);
  if (outcome.secret.pinned_provider) {
    answer.notices.insert(answer.notices.begin(),
                          notice("Secret created: " + outcome.secret.name +
                                 " (pinned to provider: " + *outcome.secret.pinned_provider + ")"));
  }
  advise(snapshot->registry(), body, value, outcome.secret, answer.notices);
  return answer;
}

Result<Answer> update_secret(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request, {"name", "aliases", "expiresAtMs", "rotateEveryDays"}));
  TRY_ASSIGN(const auto id, id_of(request));
  vault::SecretUpdate wanted;
  std::string changed_fields;
  const auto note_field = [&](std::string_view key) {
    changed_fields += (changed_fields.empty() ? "changed " : " ") + std::string(key);
  };
  TRY_ASSIGN(const auto name, body.text_or_empty("name"));
  if (body.value("name") != nullptr) {
    if (name.empty()) return invalid_request("record_invalid", "secret name is required");
    wanted.name = name;
    note_field("name");
  }
  if (body.value("aliases") != nullptr) {
    TRY_ASSIGN(const auto aliases, body.texts("aliases"));
    wanted.aliases = canonical_aliases(aliases);
    note_field("aliases");
  }
  if (body.has("expiresAtMs")) {
    TRY_ASSIGN(wanted.expires_at, expiry_in(body));
    note_field("expiresAtMs");
  }
  if (body.has("rotateEveryDays")) {
    TRY_ASSIGN(wanted.rotate_every_days, reminder_in(body));
    note_field("rotateEveryDays");
  }

  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  if (changed_fields.empty()) {
    TRY_ASSIGN(const auto unchanged, vault::read(*vault, [&](vault::Reader& reader) {
                 return catalog::changeable_secret(reader, id);
               }));
    return changed(shape(to_json(unchanged)));
  }
  TRY_ASSIGN(const auto before, vault::read(*vault, [&](vault::Reader& reader) {
               return catalog::changeable_secret(reader, id);
             }));
  TRY_ASSIGN(const auto outcome, vault::change(*vault, [&](vault::Change& change) {
               return catalog::update_secret(change, id, wanted, changed_fields, who(request));
             }));
  auto answer = answer_of(outcome);
  const auto& pin = outcome.secret.pinned_provider;
  if (pin && pin != before.pinned_provider) {
    answer.notices.insert(
        answer.notices.begin(),
        notice("Secret renamed: " + outcome.secret.name + " (pinned to provider: " + *pin + ")"));
  }
  return answer;
}

Result<Answer> rotate_secret(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"value", "valueB64", "expectedVersion"}));
  TRY_ASSIGN(const auto id, id_of(request));
  TRY_ASSIGN(const auto expected, body.integer("expectedVersion"));
  TRY_ASSIGN(const auto value, body.secret_value());
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(const auto outcome, vault::change(*vault, [&](vault::Change& change) {
               return catalog::rotate_secret(change, id, value, expected, who(request));
             }));
  TRY_ASSIGN(const auto snapshot, desk.catalog.current(*vault));
  auto answer = answer_of(outcome);
  advise(snapshot->registry(), body, value, outcome.secret, answer.notices);
  return answer;
}

Result<Answer> delete_secret(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto id, id_of(request));
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(const auto outcome, vault::change(*vault, [&](vault::Change& change) {
               return catalog::delete_secret(change, id, who(request));
             }));
  return answer_of(outcome);
}

}  // namespace aivault::admin
