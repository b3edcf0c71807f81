// Snapshot: credentials, own capabilities, disables, policies and bindings of one moment,
// immutable, holding no secret value. A call is decided on one snapshot; a change of the vault
// builds another. Thread: any; constant after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/access.h"
#include "catalog/bindings.h"
#include "catalog/credential.h"
#include "catalog/own_capability.h"
#include "catalog/provider_files.h"
#include "policy/limits.h"
#include "vault/rows.h"

namespace aivault::catalog {

class Snapshot {
 public:
  // The operator's limits of a capability that there is.
  struct Policy {
    std::string capability;
    policy::Limits limits;
  };
  struct Parts {
    std::vector<Credential> credentials;                       // Sorted by id.
    std::vector<std::unique_ptr<OwnCapability>> capabilities;  // Sorted by id.
    std::vector<std::string> disabled;                         // Capability ids, sorted.
    Bindings bindings;
    std::vector<Policy> policies;          // Sorted by capability.
    std::vector<vault::Problem> problems;  // Damaged or malformed rows.
    std::vector<std::string> refused;      // Capabilities with a damaged restricting row.
    ProviderFiles providers;
    Access access;
  };
  explicit Snapshot(Parts parts);

  const std::vector<Credential>& credentials() const { return parts_.credentials; }
  std::size_t disabled_credentials() const { return disabled_credentials_; }
  const Credential* find_credential(std::string_view id) const;
  // The compiled-in providers and those of the operator's files. Valid while the snapshot lives.
  const registry::Registry& registry() const { return *parts_.providers.registry; }
  const ProviderFiles& provider_files() const { return parts_.providers; }
  // Own first, then registry (aliases followed). nullptr: unknown. Valid while the snapshot lives.
  const registry::Capability* find_capability(std::string_view id) const;
  const std::vector<std::unique_ptr<OwnCapability>>& own_capabilities() const {
    return parts_.capabilities;
  }
  bool is_disabled(std::string_view capability) const;
  const std::vector<std::string>& disabled() const { return parts_.disabled; }
  // Also all that a provider file which is not in force may hold.
  bool is_refused(std::string_view capability) const;
  const std::vector<std::string>& refused() const { return parts_.refused; }
  const std::vector<Policy>& policies() const { return parts_.policies; }
  const Policy* find_policy(std::string_view capability) const;
  // Of the capabilities of one provider.
  std::span<const Policy* const> policies_of(std::string_view provider) const;
  const Bindings& bindings() const { return parts_.bindings; }
  const Access& access() const { return parts_.access; }
  const std::vector<vault::Problem>& problems() const { return parts_.problems; }
  // Has the provider an enabled credential (then its registry capabilities are ready)?
  bool is_ready(std::string_view provider) const;

 private:
  Parts parts_;
  std::size_t disabled_credentials_ = 0;
  std::map<std::string, std::vector<const Policy*>, std::less<>> policies_of_;
};

}  // namespace aivault::catalog
