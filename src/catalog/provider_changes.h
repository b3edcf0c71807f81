// Provider changes: an operator's provider file enters the vault, or leaves it, with what secrets
// make of it; one transaction, with its record.
// Thread: the vault's writer thread. Errors: invalid_request exists | record_invalid; those of the
// vault.
#pragma once

#include <string_view>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "catalog/provision.h"
#include "registry/operator_file.h"
#include "vault/vault.h"

namespace aivault::catalog {

enum class SameProvider : std::uint8_t { refused, replaced };

struct ProviderAdded {
  bool replaced = false;
  std::vector<Step> steps;
};
Result<ProviderAdded> add_provider(vault::Change& change,
                                   std::string_view text,
                                   SameProvider same,
                                   const audit::Event& who);

// Its credentials stay, switched off. false: there was none.
Result<bool> remove_provider(vault::Change& change, std::string_view id, const audit::Event& who);

// What the judge says about this text beside the other files of the vault.
Result<registry::Judged> judge_provider(vault::Reader& reader, std::string_view text);

}  // namespace aivault::catalog
