// random: unpredictable bytes that are no key.
// Thread: any.
#pragma once

#include <array>
#include <cstddef>

namespace aivault::crypto {

std::array<std::byte, 32> random_bytes();

}  // namespace aivault::crypto
