// Trust anchors: is a text what an operator may give as extra certificates to trust?
// Thread: any; pure. Errors: invalid_request record_invalid, naming the flag.
#pragma once

#include <string_view>

#include "base/result.h"

namespace aivault::admin {

// One or more PEM certificates (RFC 7468), at most 256 KiB, and no private key.
Result<void> check_trust_anchors(std::string_view pem);

}  // namespace aivault::admin
