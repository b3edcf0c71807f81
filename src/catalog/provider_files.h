// Provider files: the operator's own providers as a vault keeps them, judged again whenever they
// are read: one that is damaged, or that this version does not take, is not in force and says why;
// the others are. Thread: any; plain values. Errors: those of the vault.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/registry.h"
#include "vault/vault.h"

namespace aivault::catalog {

struct ProviderFiles {
  struct File {
    std::string id;
    std::string text;                                       // Empty: its row is refused.
    std::shared_ptr<const registry::OwnProvider> provider;  // nullptr: it is not in force.
    std::string problem;                                    // Why it is not.
  };
  std::vector<File> files;                             // Sorted by id.
  std::shared_ptr<const registry::Registry> registry;  // Of those in force; never nullptr.

  const File* find(std::string_view id) const;
};

// `before`: what was read last; a file that has not changed since is not judged again.
Result<ProviderFiles> read_provider_files(vault::Reader& reader,
                                          const ProviderFiles* before = nullptr);

// All providers that this vault knows.
Result<std::shared_ptr<const registry::Registry>> known_providers(vault::Reader& reader);

}  // namespace aivault::catalog
