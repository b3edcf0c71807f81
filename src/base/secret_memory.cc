#include "base/secret_memory.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace aivault::guarded {
namespace {

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

std::size_t whole_pages(std::size_t size) {
  return (size + page_size() - 1) / page_size() * page_size();
}

// A block that is smaller than its pages begins within the first; what is before it stays zero,
// which shows at its end that nobody wrote there.
constexpr std::size_t kCanary = 16;

bool is_untouched(const std::byte* bytes, std::size_t before) {
  const auto looked_at = std::min(before, kCanary);
  return sodium_is_zero(reinterpret_cast<const unsigned char*>(bytes - looked_at), looked_at) == 1;
}

// Over a part of what is reserved already. Where it fails nothing may be left there.
bool map_over(void* place, std::size_t size) {
  const auto file = static_cast<int>(::syscall(SYS_memfd_secret, O_CLOEXEC));
  if (file < 0) return false;
  const bool is_mapped =
      ::ftruncate(file, static_cast<off_t>(size)) == 0 &&
      ::mmap(place, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED;
  ::close(file);
  if (is_mapped) ::madvise(place, size, MADV_DONTFORK);
  return is_mapped;
}

}  // namespace

std::byte* map_secret_memory(std::size_t size) {
  const auto pages = whole_pages(size);
  const auto reserved = pages + 2 * page_size();
  void* start = ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  auto* first = static_cast<std::byte*>(start) + page_size();
  if (!map_over(first, pages)) {
    // Only the guard pages are ours for sure: another thread may have got what lay between them.
    ::munmap(start, page_size());
    ::munmap(first + pages, page_size());
    return nullptr;
  }
  return first + (pages - size);
}

void unmap_secret_memory(std::byte* bytes, std::size_t size) noexcept {
  sodium_memzero(bytes, size);
  const auto pages = whole_pages(size);
  if (!is_untouched(bytes, pages - size)) std::abort();
  ::munmap(bytes + size - pages - page_size(), pages + 2 * page_size());
}

}  // namespace aivault::guarded
