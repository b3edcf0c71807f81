// Setup section: which secrets a capability needs, and the commands that store them.
// Thread: any; pure.
#pragma once

#include <span>
#include <string_view>

#include "json/value.h"
#include "registry/registry.h"

namespace aivault::admin {

// {"commands":[...],"note":...,"requiredSecrets":{...}}; null where nothing is known of it.
// `capability`: whose auth kind; nullptr: the base kind.
json::Value setup_section(const registry::Registry& known,
                          std::string_view provider,
                          const registry::Capability* capability);

// For each provider of these capabilities the commands that most of them need.
json::Value setup_commands(const registry::Registry& known,
                           std::span<const registry::Capability* const> capabilities);

}  // namespace aivault::admin
