#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>

#include "admin/attention.h"
#include "admin/body.h"
#include "admin/doctor_checks.h"
#include "admin/handlers.h"
#include "admin/provider_choice.h"
#include "admin/records.h"
#include "admin/shapes.h"
#include "platform/users.h"
#include "vault/key_provider.h"
#include "vault/locked.h"

namespace aivault::admin {
namespace {

using json::Value;
using Check = vault::Vault::Check;
using Kind = vault::ProviderChoice::Kind;

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

std::string_view to_text(Check::State state) {
  switch (state) {
    case Check::State::ok: return "ok";
    case Check::State::warn: return "warn";
    case Check::State::fail: break;
  }
  return "fail";
}

bool concerns_key(const Error& error) {
  return error.reason == "key_unavailable" || error.reason == "wrong_key" ||
         error.reason == "vault_locked";
}

// A vault that does not open has a failed check, whatever the files look like.
void add_failure_to_open(const Error& error, std::vector<Check>& checks) {
  const bool is_key = error.reason == "key_unavailable" || error.reason == "wrong_key";
  const std::string_view id = is_key ? "kek-check" : "database";
  const auto found = std::ranges::find(checks, id, &Check::id);
  if (found == checks.end()) {
    checks.push_back({std::string(id), Check::State::fail, error.message, "see the message"});
  } else if (found->state != Check::State::fail) {
    found->state = Check::State::fail;
    found->detail = error.message;
    found->hint = "see the message";
  }
}

Check attention_check(std::string id,
                      const std::vector<vault::Problem>& problems,
                      std::string_view all_well,
                      std::string_view hint) {
  constexpr std::size_t kMaxNamed = 20;
  if (problems.empty()) return {std::move(id), Check::State::ok, std::string(all_well), ""};
  std::string detail;
  for (std::size_t i = 0; i < std::min(problems.size(), kMaxNamed); ++i) {
    const auto& problem = problems[i];
    if (i > 0) detail += "; ";
    if (problem.kind == "credential") detail += "credential '" + problem.id + "' ";
    detail += problem.message;
  }
  if (problems.size() > kMaxNamed) {
    detail += "; and " + std::to_string(problems.size() - kMaxNamed) + " more";
  }
  return {std::move(id), Check::State::warn, std::move(detail), std::string(hint)};
}

void add_attention(Desk& desk, vault::Vault& vault, std::vector<Check>& checks) {
  const auto found = find_attention(desk, vault, Look::every);
  if (!found) {
    checks.push_back({"records", Check::State::fail, found.error().message, "see the message"});
    return;
  }
  checks.push_back(attention_check("records",
                                   found->records,
                                   "every record can be used",
                                   "complete, rotate or delete what is named"));
  checks.push_back(attention_check("secrets-due",
                                   found->due,
                                   "no secret expires within 14 days or is due for rotation",
                                   "aivault secrets rotate, or secrets update for another date"));
}

std::optional<std::int64_t> uid_named(std::string_view name) {
  const auto user = platform::user_named(name);
  return user ? std::optional(user->uid) : std::nullopt;
}

Result<bool> has_own_callers(const DaemonFacts& facts, vault::Vault& vault, UnixMs now) {
  audit::Filter filter;
  filter.limit = 1;
  filter.kinds = {"capability.invoke"};
  filter.uid = facts.uid;
  filter.after_ms = to_int(now - std::chrono::days(1));
  TRY_ASSIGN(const auto found,
             vault::read(vault, [&](vault::Reader& reader) { return reader.audit(filter); }));
  return !found.empty();
}

Result<std::shared_ptr<const catalog::Snapshot>> present_snapshot(Desk& desk) {
  TRY_ASSIGN(auto records, Records::open(desk));
  return records.snapshot();
}

void add_access(Desk& desk, vault::Vault& vault, std::vector<Check>& checks) {
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto snapshot = present_snapshot(desk);
  if (snapshot) {
    const auto& seen = **snapshot;
    std::ranges::move(checks_of_access(seen.access(), seen.problems(), now, uid_named),
                      std::back_inserter(checks));
  }
  const auto own = has_own_callers(desk.facts, vault, now);
  if (own) checks.push_back(check_isolation(desk.facts, *own));
  if (snapshot) checks.push_back(check_dns(desk.facts, (*snapshot)->credentials()));
}

}  // namespace

Result<Answer> vault_status(Desk& desk, const Request&) {
  const auto vault = looked_at(desk.slot.get());
  if (vault) return shape(to_json((*vault)->status()));
  if (vault.error().reason == "not_initialised") return shape(to_json(vault::Status()));
  if (vault.error().reason != "vault_locked") return fail(vault.error());
  TRY_ASSIGN(const auto locked, vault::LockedVault::open(desk.slot.options()));
  return shape(to_json(locked->status()));
}

Result<Answer> unlock_vault(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"passphrase", "forMs"}));
  TRY_ASSIGN(const auto passphrase, body.secret("passphrase"));
  TRY_ASSIGN(const auto for_ms, body.integer("forMs"));
  const auto lasts = for_ms ? std::optional(std::chrono::milliseconds(*for_ms)) : std::nullopt;
  TRY_ASSIGN(const auto status,
             desk.slot.unlock(passphrase ? &*passphrase : nullptr, lasts, who(request)));
  return changed(shape(to_json(status)));
}

Result<Answer> lock_vault(Desk& desk, const Request& request) {
  TRY(Body::open(request, {}));
  TRY_ASSIGN(const auto status, desk.slot.lock(who(request)));
  return changed(shape(to_json(status)));
}

Result<Answer> init_vault(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request,
                        {"provider",
                         "filePath",
                         "envVar",
                         "credentialName",
                         "keyDescription",
                         "keychainService",
                         "keychainAccount",
                         "passphrase"}));
  TRY_ASSIGN(auto choice, provider_choice(body, Kind::file));
  TRY_ASSIGN(choice.passphrase, body.secret("passphrase"));
  std::vector<Answer::Notice> notices;
  if (choice.kind == Kind::passphrase) {
    if (!choice.passphrase) {
      return invalid("--passphrase is required for --provider passphrase");
    }
    TRY(check_new_passphrase(*choice.passphrase));
    if (auto weak = weakness_of(*choice.passphrase)) notices.push_back(std::move(*weak));
  } else if (choice.passphrase) {
    return invalid("--passphrase does not belong to --provider " +
                   std::string(vault::option_of(choice.kind)));
  }
  const auto& options = desk.slot.options();
  const bool existed = vault::Vault::exists(options.location);
  const auto before = vault::Vault::claimed_status(options.location).kek_id;
  desk.slot.close();
  TRY_ASSIGN(auto made, vault::Vault::init(options, choice));
  // Whoever is to use it has to unlock it first.
  if (choice.kind == Kind::passphrase) made.locked = true;
  if (existed && made.kek_id != before) {
    notices.push_back(
        notice("The vault at '" + options.location.root + "' held nothing and has a new key now"));
  }
  return changed(shape(to_json(made)), std::move(notices));
}

Result<Answer> doctor(Desk& desk, const Request&) {
  auto vault = desk.slot.get();
  if (vault) {
    // Looked at from outside if its key is another one now.
    const auto looked = (*vault)->change_counter();
    if (!looked && concerns_key(looked.error())) vault = fail(looked.error());
  }
  auto checks = vault ? (*vault)->examine() : vault::Vault::examine_closed(desk.slot.options());
  if (!vault && vault.error().reason != "not_initialised" &&
      vault.error().reason != "vault_locked") {
    add_failure_to_open(vault.error(), checks);
  }
  if (vault) {
    add_attention(desk, **vault, checks);
    add_access(desk, **vault, checks);
  }
  std::ranges::move(checks_of_process(desk.facts), std::back_inserter(checks));
  std::ranges::move(checks_of_surroundings(desk.facts), std::back_inserter(checks));
  Value list = Value::array();
  for (const auto& check : checks) {
    list.push(Value::object({{"detail", check.detail},
                             {"hint", check.hint},
                             {"id", check.id},
                             {"status", to_text(check.state)}}));
  }
  const bool ok = std::ranges::none_of(
      checks, [](const Check& check) { return check.state == Check::State::fail; });
  return ad_hoc(Value::object({{"checks", std::move(list)}, {"ok", ok}}));
}

}  // namespace aivault::admin
