#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "catalog/provider_files.h"
#include "catalog/provision.h"
#include "catalog/secret_changes.h"
#include "format1/names.h"
#include "format1/record.h"
#include "format1/run.h"
#include "vault/secret_rules.h"

namespace aivault::format1 {
namespace {

using vault::Change;

constexpr std::string_view kEnding = ".json";

struct Planned : Named {
  std::string file;
  std::vector<vault::Attachment> attached;
};

std::string id_of_file(std::string_view file) {
  return std::string(file.substr(0, file.size() - kEnding.size()));
}

// First everything is read once, so that names can be given out and a record that does not open
// takes none; then each is read again when its turn comes: values are never held together.
class SecretImport {
 public:
  SecretImport(Run& run, const Source& secrets, const Secret& key)
      : run_(run), secrets_(secrets), key_(key) {}

  Result<void> run() {
    TRY_ASSIGN(known_, catalog::known_providers(run_.change));
    TRY_ASSIGN(const auto files, secrets_.names(is_record_name));
    for (const auto& file : files) {
      TRY(settle(run_, "secret", id_of_file(file), plan(file)));
    }
    std::vector<Named*> all;
    for (auto& planned : planned_) all.push_back(&planned);
    give_own_names(all);
    for (const auto& planned : planned_) {
      TRY(settle(run_, "secret", planned.id, take(planned)));
    }
    return keep_in_step();
  }

 private:
  struct Claimed {
    const registry::Claim* claim;
    vault::Scope scope;
  };

  Result<Record> load(const std::string& file) {
    TRY_ASSIGN(const auto text, secrets_.read(file));
    if (!text) return invalid_request("record_invalid", "the file has gone meanwhile");
    return parse_record(file, *text);
  }

  Result<void> plan(const std::string& file) {
    TRY_ASSIGN(const auto record, load(file));
    if (is_composite(record)) return {};
    if (record.revoked_at) {
      run_.report.add_skipped("secret", record.id, "revoked");
      return {};
    }
    Planned planned;
    planned.file = file;
    TRY_ASSIGN(planned.id, secret_id(record));
    if (!ids_.insert(planned.id).second) {
      return invalid_request("record_invalid", "another record has the same id");
    }
    TRY_ASSIGN(planned.name, vault::check_name(record.name, vault::Maker::people));
    TRY_ASSIGN(planned.aliases, vault::check_aliases(record.aliases, vault::Maker::people));
    TRY_ASSIGN(planned.scope, run_.ids.translate(record.place));
    for (const auto& [workspace, group] : record.attached) {
      vault::Attachment attached;
      TRY_ASSIGN(attached.workspace, run_.ids.translate(workspace));
      TRY_ASSIGN(attached.group, run_.ids.translate(group));
      planned.attached.push_back(std::move(attached));
    }
    TRY_ASSIGN(planned.attached, vault::check_attachments(std::move(planned.attached)));
    planned.updated_at = record.updated_at;
    TRY_ASSIGN(const auto value, open(key_, record));
    run_.opened_any = true;
    TRY(vault::check_value(value));
    planned_.push_back(std::move(planned));
    return {};
  }

  // A name that a provider claims pins, as it does for every new secret.
  std::optional<std::string> pin_of(const Record& record, const std::string& name) const {
    if (!record.pinned_provider.empty()) return record.pinned_provider;
    const auto* claim = known_->claim_of(name);
    if (claim == nullptr) return std::nullopt;
    return std::string(claim->pin);
  }

  void drop_claimed_aliases(vault::SecretRecord& kept) {
    std::erase_if(kept.aliases, [&](const std::string& alias) {
      const auto* claim = known_->claim_of(alias);
      if (claim == nullptr || kept.pinned_provider == claim->pin) return false;
      run_.report.notices.push_back("Secret " + kept.id.str() + " loses its alias " + alias +
                                    ": it is a name of provider '" + std::string(claim->pin) + "'");
      return true;
    });
  }

  Result<void> take(const Planned& planned) {
    TRY_ASSIGN(const auto record, load(planned.file));
    if (record.updated_at != planned.updated_at || record.revoked_at) {
      return invalid_request("record_invalid", "the file has changed meanwhile");
    }
    vault::SecretRecord kept;
    kept.id = SecretId(planned.id);
    kept.name = planned.name;
    kept.aliases = planned.aliases;
    kept.scope = planned.scope;
    kept.pinned_provider = pin_of(record, planned.name);
    kept.value_version = record.value_version;
    kept.created_at = record.created_at;
    kept.updated_at = kept.value_changed_at = record.updated_at;
    kept.last_used_at = record.last_used_at;
    kept.attached = planned.attached;
    drop_claimed_aliases(kept);
    // All that can fail comes before another secret has to go.
    TRY_ASSIGN(const auto value, open(key_, record));
    TRY(vault::check_value(value));
    TRY_ASSIGN(const bool free, make_room(kept));
    if (!free) {
      run_.report.add_skipped("secret", planned.id, "exists");
      return know_again(kept.id, value);
    }
    const auto same_id =
        run_.choice.taken == Taken::replaced ? Change::SameId::replaced : Change::SameId::refused;
    TRY_ASSIGN(const auto stored, run_.change.import_secret(kept, value, same_id));
    ++run_.report.secrets;
    run_.theirs.insert(stored.id);
    const auto renamed = trim(record.name) != stored.name;
    if (renamed) {
      run_.report.notices.push_back("Secret " + stored.id.str() + " is named " + stored.name +
                                    " now: another one has the name " +
                                    quote_for_message(trim(record.name), 128));
    }
    if (const auto* claim = known_->claim_of(stored.name)) {
      claimed_.push_back({claim, stored.scope});
    }
    return {};
  }

  // Who knows the value has had the secret before; who knows the id alone has not.
  Result<void> know_again(const SecretId& id, const Secret& value) {
    TRY_ASSIGN(const auto there, run_.change.secret(id));
    if (!there || there->revoked_at || there->system_managed) return {};
    TRY_ASSIGN(const auto present, run_.change.open_internally(id));
    if (present == value) run_.theirs.insert(id);
    return {};
  }

  // false: the id or a name is in use, and stays so.
  Result<bool> make_room(const vault::SecretRecord& kept) {
    std::set<SecretId> in_the_way;
    TRY_ASSIGN(const auto same_id, run_.change.secret(kept.id));
    auto names = kept.aliases;
    names.push_back(kept.name);
    for (const auto& name : names) {
      TRY_ASSIGN(const auto other, run_.change.secret_by_name(kept.scope, name));
      if (other && other->id != kept.id) in_the_way.insert(other->id);
    }
    if (!same_id && in_the_way.empty()) return true;
    if (run_.choice.taken == Taken::skipped) return false;
    for (const auto& id : in_the_way) {
      TRY(catalog::delete_secret(run_.change, id, run_.who));
    }
    return true;
  }

  // When all members of what is made of several secrets are there.
  Result<void> keep_in_step() {
    for (const auto& [claim, scope] : claimed_) {
      for (const registry::Provider* provider : claim->providers) {
        const auto steps =
            catalog::keep_in_step(run_.change, *provider, scope, claim->secret, run_.who);
        Result<void> outcome;
        if (!steps) outcome = fail(steps.error());
        TRY(settle(run_, "credential", std::string(provider->id), std::move(outcome)));
      }
    }
    return {};
  }

  Run& run_;
  const Source& secrets_;
  const Secret& key_;
  std::shared_ptr<const registry::Registry> known_;
  std::deque<Planned> planned_;
  std::set<std::string> ids_;
  std::vector<Claimed> claimed_;
};

}  // namespace

Result<void> import_secrets(Run& run, const Secret& key) {
  TRY_ASSIGN(const auto secrets, run.source.directory(kSecretsDirectory));
  if (!secrets) return {};
  return SecretImport(run, *secrets, key).run();
}

}  // namespace aivault::format1
