#include "json/wiping_memory.h"

#include <new>

#include "base/wipe.h"

namespace aivault::json {

void* WipingMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  return ::operator new(bytes, std::align_val_t(alignment));
}

void WipingMemory::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  wipe(block, bytes);
  ::operator delete(block, bytes, std::align_val_t(alignment));
}

bool WipingMemory::do_is_equal(const std::pmr::memory_resource& other) const noexcept {
  return this == &other;
}

}  // namespace aivault::json
