// Callable: what an import made usable, in sentences for the operator: which credentials send which
// secret to which hosts, and which capabilities in use get another secret.
// Thread: the vault's writer thread. Errors: those of the vault.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vault/vault.h"

namespace aivault::format1 {

class Callable {
 public:
  // What is there before anything is taken.
  Result<void> look(vault::Reader& reader);

  void add_capability(const vault::CapabilityRow& row);
  Result<void> add_binding(vault::Reader& reader,
                           const vault::BindingRow& row,
                           std::string_view secret_name);
  // With the credentials that differ now, made or derived. What was in use comes first, and each
  // sort is cut at 100, so that none can hide another.
  Result<std::vector<std::string>> sentences(vault::Reader& reader) const;

 private:
  bool is_in_use(std::string_view provider) const;
  Result<void> add_credentials(vault::Reader& reader, std::vector<std::string>& out) const;

  std::map<std::string, vault::CredentialRow> credentials_;
  std::set<std::string> capabilities_;  // Own ones.
  std::vector<std::string> switched_, added_capabilities_, bindings_;
};

// Keeps the first 100 and says how many more there are.
void cut(std::vector<std::string>& notices);

}  // namespace aivault::format1
