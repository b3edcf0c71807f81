// Tables: what registry_gen compiles registry/*.json into; only registry.cc reads them.
#pragma once

#include <span>
#include <string_view>

#include "registry/definition.h"

namespace aivault::registry::tables {

std::span<const Provider> providers();  // Sorted by id, like all of these.
std::span<const Capability* const> capabilities();
std::span<const Alias> aliases();
std::span<const Retired> retired();
std::span<const Claim> claims();  // Sorted by secret.
std::span<const Family> families();
std::span<const std::string_view> injected_headers();
std::string_view digest();

}  // namespace aivault::registry::tables
