// Tables: what registry_gen compiles registry/*.json into; only registry.cc reads them.
#pragma once

#include <span>
#include <string_view>

#include "registry/definition.h"
#include "registry/perfect_hash.h"

namespace aivault::registry::tables {

// An id of a capability: its own, an alias, or one that is retired.
struct Name {
  TextView id;
  Ref<Capability> capability;
  Ref<Retired> retired;
};
struct Host {
  TextView host;
  Ref<Provider> provider;  // The first one that lists it.
};

// A list that is sorted by its key, and the index of that key.
template <typename Entry>
struct Indexed {
  std::span<const Entry> entries;
  PerfectHash index;
};

Indexed<Provider> providers();  // By id.
Indexed<Name> names();          // By id.
Indexed<Claim> claims();        // By secret.
Indexed<Host> hosts();          // By host; exact ones.
std::span<const Family> families();
std::span<const TextView> injected_headers();
std::string_view digest();

}  // namespace aivault::registry::tables
