// Header names that belong to the broker: callers cannot send them and no auth kind may set them.
// Thread: any.
#pragma once

#include <string_view>

namespace aivault::registry {

// Framing, hop-by-hop and forwarding names and the broker's own; `name` in lower case.
bool is_broker_header(std::string_view name);
// Names that carry credentials at some vendor: refused from callers everywhere.
bool is_credential_header(std::string_view name);

}  // namespace aivault::registry
