// covers: does a capability reach a request, whatever the spelling of its path? For what forbids:
// a disabled capability must not be reached through another one.
// Thread: any; pure.
#pragma once

#include <string_view>

#include "http/host.h"
#include "registry/definition.h"

namespace aivault::broker {

// `path` is the wire form, which http::parse_target has accepted.
bool covers(const registry::Capability& capability,
            const http::Authority& authority,
            std::string_view method,
            std::string_view path);

}  // namespace aivault::broker
