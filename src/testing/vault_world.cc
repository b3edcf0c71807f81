#include "testing/vault_world.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "catalog/own_capability.h"
#include "store/database.h"

namespace aivault::testing {
namespace {

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace

const CertificateAuthority& world_authority() {
  static const CertificateAuthority made;
  return made;
}

VaultWorld::VaultWorld(const std::string& authority, const registry::AuthSpec& auth)
    : authority_(authority), auth_(auth), slot_(place_.options()) {
  must(slot_.get_or_create());
  secret_ = must(create(vault(), named("ACME_KEY"), kWorldSecret)).id;
  add_credential("acme");
  add_capability("acme/things", {"GET", "HEAD", "POST"}, "/v1/");
}

VaultWorld::~VaultWorld() { slot_.close(); }

void VaultWorld::change(const std::function<Result<void>(vault::Change&)>& work) {
  must(vault().change(work));
}

void VaultWorld::add_credential(const std::string& id, vault::Scope scope) {
  change([&](vault::Change& change) -> Result<void> {
    catalog::Facts facts;
    facts.auth = auth_;
    facts.hosts = {authority_};
    facts.allow_private_network = true;
    facts.tls_ca_pem = world_authority().pem();
    vault::CredentialRow row;
    row.id = id;
    row.provider = "acme";
    row.scope = std::move(scope);
    row.secret_id = secret_;
    row.body = catalog::to_body(facts);
    row.created_at = row.updated_at = change.now();
    TRY(change.put(row));
    change.record(event_of("credential.create"));
    return {};
  });
}

void VaultWorld::add_capability(const std::string& id,
                                std::vector<std::string> methods,
                                std::string path) {
  change([&](vault::Change& change) -> Result<void> {
    catalog::OwnCapability::Definition definition{
        id, "acme", authority_, std::move(methods), {path}};
    TRY_ASSIGN(const auto capability, catalog::OwnCapability::create(std::move(definition)));
    vault::CapabilityRow row;
    row.id = id;
    row.provider = "acme";
    row.body = capability->body();
    row.created_at = row.updated_at = change.now();
    TRY(change.put(row));
    change.record(event_of("capability.create"));
    return {};
  });
}

void VaultWorld::disable_capability(const std::string& id) {
  change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(auto row, change.capability(id));
    row->enabled = false;
    TRY(change.put(*row));
    change.record(event_of("capability.disable"));
    return {};
  });
}

void VaultWorld::add_wide_openai_capability(const std::string& id) {
  change([&](vault::Change& change) -> Result<void> {
    catalog::Facts facts;
    facts.kind = "key";
    vault::CredentialRow credential;
    credential.id = credential.provider = "openai";
    credential.secret_id = secret_;
    credential.body = catalog::to_body(facts);
    TRY(change.put(credential));
    TRY_ASSIGN(const auto capability,
               catalog::OwnCapability::create({id, "openai", "api.openai.com", {"GET"}, {"/v1/"}}));
    vault::CapabilityRow own;
    own.id = id;
    own.provider = "openai";
    own.body = capability->body();
    TRY(change.put(own));
    vault::CapabilityRow disable;
    disable.id = "openai/models";
    disable.provider = "openai";
    disable.origin = vault::Origin::registry;
    disable.enabled = false;
    TRY(change.put(disable));
    change.record(event_of("capability.disable"));
    return {};
  });
}

void VaultWorld::set_secret(std::string_view value) {
  change([&](vault::Change& change) -> Result<void> {
    TRY(change.rotate_secret(secret_, Secret::copy_of(value), std::nullopt));
    change.record(event_of("secret.rotate"));
    return {};
  });
}

void VaultWorld::revoke_secret() {
  change([&](vault::Change& change) -> Result<void> {
    TRY(change.revoke_secret(secret_));
    change.record(event_of("secret.delete"));
    return {};
  });
}

void VaultWorld::disable_credential(const std::string& id) {
  change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(auto row, change.credential(id));
    row->enabled = false;
    TRY(change.put(*row));
    change.record(event_of("credential.disable"));
    return {};
  });
}

void VaultWorld::tamper(store::Sql statement) {
  slot_.close();
  auto database = must(store::Database::open(place_.database()));
  must(database.execute(statement));
  must(slot_.get_or_create());
}

std::vector<audit::Event> VaultWorld::audited(const std::string& kind) {
  vault().flush();
  audit::Filter filter;
  filter.kinds = {kind};
  filter.limit = 100'000;
  auto records =
      must(vault::read(vault(), [&](vault::Reader& reader) { return reader.audit(filter); }));
  std::ranges::reverse(records);
  std::vector<audit::Event> events;
  for (auto& record : records) events.push_back(std::move(record.event));
  return events;
}

int VaultWorld::started_calls() {
  const auto events = calls();
  return static_cast<int>(std::ranges::count(events, "started", &audit::Event::outcome));
}

}  // namespace aivault::testing
