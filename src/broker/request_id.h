// make_request_id: 26 characters a-z2-7 that sort by the time they were made.
// Thread: any; pure.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "base/time.h"

namespace aivault::broker {

// 48 bits of time, then 80 of `random`.
std::string make_request_id(UnixMs now, const std::array<std::byte, 16>& random);

}  // namespace aivault::broker
