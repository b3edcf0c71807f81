// WipingMemory: a memory resource whose blocks are zeroed before they are freed, for JSON
// documents that hold secrets on their way into the Secret type.
// Thread: any; one resource belongs to one thread at a time.
#pragma once

#include <memory_resource>

namespace aivault::json {

class WipingMemory final : public std::pmr::memory_resource {
 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override;
};

}  // namespace aivault::json
