// Secret memory: blocks of memfd_secret(2) between guard pages.
// Thread: any. Source: memfd_secret(2).
#pragma once

#include <cstddef>

namespace aivault::guarded {

// `size` bytes of zeros that end where a guard page begins; nullptr where the kernel has none to
// give.
std::byte* map_secret_memory(std::size_t size);
// Of that very size. Wipes them.
void unmap_secret_memory(std::byte* bytes, std::size_t size) noexcept;

}  // namespace aivault::guarded
