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

// From now on new blocks are of memfd_secret(2), where the kernel has it: it takes their pages out
// of its own view of the memory, so that no debugger reads them there and no hibernation image
// holds them. For a process that never forks: a child would not have them. Thread: the first, once.
void prefer_secret_memory();
// Whether every block taken since then was of it; false where the kernel has none, or once a limit
// (RLIMIT_MEMLOCK, descriptors) was reached and an ordinary block stood in: guarded, and locked as
// far as that limit lets it.
bool is_secret_memory();

}  // namespace aivault::guarded
