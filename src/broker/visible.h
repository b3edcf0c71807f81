// visible_to_caller: the headers of an upstream's answer that a caller may see, scrubbed.
// Thread: any; pure.
#pragma once

#include <memory>

#include "http/message.h"
#include "policy/scrub.h"
#include "registry/auth_spec.h"

namespace aivault::broker {

http::Headers visible_to_caller(const http::Headers& headers,
                                const registry::AuthSpec& auth,
                                const std::shared_ptr<const policy::ScrubForms>& forms);

}  // namespace aivault::broker
