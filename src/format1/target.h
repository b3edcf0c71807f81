// target: the ids under which old credentials and capabilities are known from now on.
// Thread: the vault's writer thread. Errors: those of the vault.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "format1/run.h"

namespace aivault::format1 {

// Bytes that such an id may not have become '_' and two hex digits; a change is noted.
std::string credential_id_of(Run& run, std::string_view raw);
std::string capability_id_of(Run& run, std::string_view raw);

// The capability of that old id: of the registry, or an own one of the vault; nullopt: neither.
Result<std::optional<std::string>> find_target(Run& run, std::string_view capability);

}  // namespace aivault::format1
