// Tenant: which hosts a registry credential uses. Bound hosts and params of the operator fill the
// provider's host patterns; every slot without a choice gets its default.
// Thread: any; pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/facts.h"
#include "http/host.h"
#include "registry/definition.h"

namespace aivault::catalog {

struct Tenant {
  std::vector<std::string> hosts;  // Bound ones first, then defaults.
  Params params;                   // Given ones and those that the hosts determine, sorted.
  std::vector<std::string> missing_params;
  bool needs_host = false;
};

Tenant find_tenant(const registry::Provider& provider,
                   std::span<const std::string> bound_hosts,
                   const Params& given);

// Does this host fit a pattern of some slot?
bool is_host_of(const registry::Provider& provider, const http::Authority& host);

const registry::Param* find_param(const registry::Provider& provider, std::string_view name);
bool is_param_value(const registry::Param& param, std::string_view value);

// `text` with {name} replaced, {version} by ours; nullopt when a param is unbound.
std::optional<std::string> with_params(std::string_view text, const Params& params);

// The same for what holds {{fields}} too: those stay, and so does {name} of an unbound param.
std::string with_known_params(std::string_view text, const Params& params);

}  // namespace aivault::catalog
