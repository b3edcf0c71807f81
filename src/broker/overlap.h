// covers: does a capability reach a request, whatever the spelling of its path? For what forbids:
// a disabled capability must not be reached through another one.
// Thread: any; pure.
#pragma once

#include <string>

#include "http/host.h"
#include "registry/definition.h"

namespace aivault::broker {

// What one request reaches. `path` is the wire form, which http::parse_target has accepted.
struct Reach {
  http::Authority authority;
  std::string method, path;
};

bool covers(const registry::Capability& capability, const Reach& reach);

}  // namespace aivault::broker
