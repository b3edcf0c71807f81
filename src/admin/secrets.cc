#include <algorithm>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/shapes.h"
#include "base/encoding.h"
#include "base/text.h"
#include "catalog/derived.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using catalog::Step;

constexpr std::size_t kIdSize = 36;       // Bytes of a UUID.
constexpr std::size_t kShortSecret = 12;  // Bytes; below, a value may be guessed.

tl::unexpected<Error> unknown_secret() { return not_found("secret not found"); }

Result<SecretId> id_of(const Request& request) {
  auto id = parse_secret_id(request.ids.front());
  if (!id) return unknown_secret();
  return *std::move(id);
}

// A secret that an operator command may change.
Result<vault::SecretRecord> changeable(vault::Reader& reader, const SecretId& id) {
  TRY_ASSIGN(auto found, reader.secret(id));
  if (!found) return unknown_secret();
  if (found->system_managed) return invalid_request("record_invalid", "secret is system-managed");
  if (found->revoked_at) return vault_unavailable("secret_missing", "secret revoked");
  return *std::move(found);
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

// A claimed name is an alias only of a secret that is pinned to the same provider.
Result<void> check_aliases(const std::vector<std::string>& aliases,
                           const std::optional<std::string>& pin) {
  for (const auto& alias : aliases) {
    const auto* provider = registry::provider_of_secret(alias);
    if (provider != nullptr && pin != std::string(provider->id)) {
      return policy_violation("secret_pinned",
                              "alias '" + alias + "' is a name of provider '" +
                                  std::string(provider->id) +
                                  "': only a secret pinned to provider '" +
                                  std::string(provider->id) + "' can have it");
    }
  }
  return {};
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

audit::Event event_of(const Request& request,
                      std::string kind,
                      const vault::SecretRecord& secret,
                      std::string_view more = {}) {
  auto event = catalog::event_of(who(request), std::move(kind));
  event.secret_id = secret.id.str();
  event.scope = secret.scope.text();
  event.note = "name " + secret.name + ", value version " + std::to_string(secret.value_version);
  if (!more.empty()) event.note += ", " + std::string(more);
  return event;
}

// Advice about a new value; nothing of it is repeated.
void advise(const Body& body,
            const Secret& value,
            const vault::SecretRecord& secret,
            std::vector<Answer::Notice>& notices) {
  const auto* provider = registry::provider_of_secret(secret.name);
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

struct Outcome {
  vault::SecretRecord secret;
  std::vector<Step> steps;
};

Answer answer_of(const Outcome& outcome) {
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
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(auto page, vault::read(*vault, [&](vault::Reader& reader) {
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
  const auto* provider = registry::provider_of_secret(wanted.name);
  if (provider != nullptr) wanted.pinned_provider = std::string(provider->id);
  TRY(check_aliases(wanted.aliases, wanted.pinned_provider));
  TRY_ASSIGN(const auto value, body.secret_value());

  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(
      const auto outcome, vault::change(*vault, [&](vault::Change& change) -> Result<Outcome> {
        TRY_ASSIGN(auto secret, change.create_secret(wanted, value));
        TRY(catalog::remember_registry(change));
        Outcome done{std::move(secret), {}};
        change.record(event_of(request, "secret.create", done.secret));
        if (provider != nullptr) {
          change.record(event_of(request,
                                 "secret.pin_provider",
                                 done.secret,
                                 "provider " + std::string(provider->id)));
          TRY_ASSIGN(done.steps,
                     catalog::keep_in_step(
                         change, *provider, done.secret.scope, done.secret.name, who(request)));
        }
        return done;
      }));
  auto answer = answer_of(outcome);
  if (provider != nullptr) {
    answer.notices.insert(answer.notices.begin(),
                          notice("Secret created: " + outcome.secret.name +
                                 " (pinned to provider: " + std::string(provider->id) + ")"));
  }
  advise(body, value, outcome.secret, answer.notices);
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
    TRY_ASSIGN(const auto unchanged,
               vault::read(*vault, [&](vault::Reader& reader) { return changeable(reader, id); }));
    return changed(shape(to_json(unchanged)));
  }
  TRY_ASSIGN(
      const auto outcome, vault::change(*vault, [&](vault::Change& change) -> Result<Outcome> {
        TRY_ASSIGN(const auto before, changeable(change, id));
        auto update = wanted;
        const bool renamed = update.name && *update.name != before.name;
        const auto* old_provider = registry::provider_of_secret(before.name);
        const auto* provider = renamed ? registry::provider_of_secret(*update.name) : nullptr;
        if (provider != nullptr) {
          if (!catalog::pin_allows(before.pinned_provider, provider->id)) {
            return policy_violation("secret_pinned",
                                    "secret is pinned to provider '" + *before.pinned_provider +
                                        "' and cannot take a name of provider '" +
                                        std::string(provider->id) + "'");
          }
          if (!before.pinned_provider) update.pinned_provider = std::string(provider->id);
        }
        if (update.aliases) {
          TRY(check_aliases(
              *update.aliases,
              update.pinned_provider ? update.pinned_provider : before.pinned_provider));
        }
        TRY_ASSIGN(auto secret, change.update_secret(id, update));
        Outcome done{std::move(secret), {}};
        change.record(event_of(request, "secret.update", done.secret, changed_fields));
        if (update.pinned_provider) {
          change.record(event_of(
              request, "secret.pin_provider", done.secret, "provider " + *update.pinned_provider));
        }
        if (renamed && old_provider != nullptr && old_provider != provider) {
          TRY_ASSIGN(
              done.steps,
              catalog::keep_in_step(change, *old_provider, done.secret.scope, "", who(request)));
        }
        if (provider != nullptr) {
          TRY_ASSIGN(auto steps,
                     catalog::keep_in_step(
                         change, *provider, done.secret.scope, done.secret.name, who(request)));
          std::ranges::move(steps, std::back_inserter(done.steps));
        }
        return done;
      }));
  return answer_of(outcome);
}

Result<Answer> rotate_secret(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"value", "valueB64", "expectedVersion"}));
  TRY_ASSIGN(const auto id, id_of(request));
  TRY_ASSIGN(const auto expected, body.integer("expectedVersion"));
  TRY_ASSIGN(const auto value, body.secret_value());
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(
      const auto outcome, vault::change(*vault, [&](vault::Change& change) -> Result<Outcome> {
        TRY(changeable(change, id));
        TRY_ASSIGN(auto secret, change.rotate_secret(id, value, expected));
        Outcome done{std::move(secret), {}};
        change.record(event_of(request, "secret.rotate", done.secret));
        if (const auto* provider = registry::provider_of_secret(done.secret.name);
            provider != nullptr) {
          TRY_ASSIGN(done.steps,
                     catalog::keep_in_step(
                         change, *provider, done.secret.scope, done.secret.name, who(request)));
          std::erase_if(done.steps,
                        [](const Step& step) { return step.kind == Step::Kind::waiting; });
        }
        TRY(catalog::judge_users_again(change, done.secret, value));
        return done;
      }));
  auto answer = answer_of(outcome);
  advise(body, value, outcome.secret, answer.notices);
  return answer;
}

Result<Answer> delete_secret(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto id, id_of(request));
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  const auto before = vault::read(*vault, [&](vault::Reader& reader) { return reader.secret(id); });
  if (!before && !is_damaged_row(before.error())) return fail(before.error());
  if (before && !*before) return unknown_secret();
  if (before && (*before)->revoked_at) return changed(shape(to_json(**before)));
  TRY_ASSIGN(
      const auto outcome, vault::change(*vault, [&](vault::Change& change) -> Result<Outcome> {
        // A refused row is removed without trusting what it says.
        if (before) TRY(changeable(change, id));
        TRY_ASSIGN(auto revoked, change.revoke_secret(id));
        Outcome done{std::move(revoked), {}};
        change.record(event_of(request,
                               "secret.revoke",
                               done.secret,
                               before ? "" : "its row had failed the integrity check"));
        if (const auto* provider = registry::provider_of_secret(done.secret.name);
            provider != nullptr) {
          TRY_ASSIGN(done.steps,
                     catalog::keep_in_step(change, *provider, done.secret.scope, "", who(request)));
        }
        TRY_ASSIGN(const auto users, change.credentials_of_secret(id));
        for (const auto& row : users) {
          TRY_ASSIGN(auto step, catalog::remove_credential(change, row, who(request)));
          done.steps.push_back(std::move(step));
        }
        return done;
      }));
  return answer_of(outcome);
}

}  // namespace aivault::admin
