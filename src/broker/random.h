// random_bytes: unpredictable bytes from the kernel, for request ids and boundaries.
// Thread: any. Errors: none; the kernel's generator never fails once it is seeded.
#pragma once

#include <array>
#include <cstddef>

namespace aivault::broker {

std::array<std::byte, 16> random_bytes();

}  // namespace aivault::broker
