// Guarded blocks: memory for secrets between guard pages, locked and left out of core dumps.
// A freed block is wiped and kept for the next secret of its size: making one anew costs eight
// system calls and stops every thread of the process each time.
// Thread: any. Errors: std::bad_alloc when no such memory can be had.
#pragma once

#include <cstddef>

namespace aivault::guarded {

// `size` bytes, not zeroed, that end where a guard page begins. `size` is not 0 and is said again
// when they are given back.
std::byte* take(std::size_t size);
void give_back(std::byte* bytes, std::size_t size) noexcept;

}  // namespace aivault::guarded
