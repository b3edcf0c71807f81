// VaultWorld: a real vault in a directory of its own, with one secret, one credential `acme` and
// one capability `acme/things` that lead to a TlsServer of the test.
// Thread: the test's.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "catalog/catalog.h"
#include "catalog/facts.h"
#include "registry/auth_spec.h"
#include "store/sql.h"
#include "testing/certificates.h"
#include "testing/vault_place.h"
#include "vault/slot.h"

namespace aivault::testing {

inline constexpr std::string_view kWorldSecret = "sk-test-0001/+=ab";

// One for all tests of a program: making one takes a while.
const CertificateAuthority& world_authority();

class VaultWorld {
 public:
  // `authority`: where the credential leads, "localhost:8443".
  explicit VaultWorld(const std::string& authority,
                      const registry::AuthSpec& auth = registry::HeaderAuth());
  ~VaultWorld();
  VaultWorld(const VaultWorld&) = delete;
  VaultWorld& operator=(const VaultWorld&) = delete;

  vault::Slot& slot() { return slot_; }
  catalog::Catalog& catalog() { return catalog_; }
  vault::Vault& vault() { return *slot_.peek(); }

  void add_credential(const std::string& id, vault::Scope scope = {});
  void add_capability(const std::string& id, std::vector<std::string> methods, std::string path);
  void disable_capability(const std::string& id);
  // Own, for GET of /v1/ at the real openai, with a credential; `openai/models` is disabled.
  void add_wide_openai_capability(const std::string& id);
  void set_secret(std::string_view value);
  void revoke_secret();
  void disable_credential(const std::string& id);
  // As someone would who can write the files and lacks the key. Closes and opens the vault.
  void tamper(store::Sql statement);

  // Everything in the audit about calls, oldest first.
  std::vector<audit::Event> calls() { return audited("capability.invoke"); }
  std::vector<audit::Event> audited(const std::string& kind);
  int started_calls();

 private:
  void change(const std::function<Result<void>(vault::Change&)>& work);

  VaultPlace place_;
  std::string authority_;
  registry::AuthSpec auth_;
  SecretId secret_;
  vault::Slot slot_;
  catalog::Catalog catalog_;
};

}  // namespace aivault::testing
