#include "base/guarded_blocks.h"

#include <sodium.h>

#include <array>
#include <mutex>
#include <new>
#include <optional>

namespace aivault::guarded {
namespace {

// Sizes that calls use over and over: keys, API keys, request heads.
constexpr std::array<std::size_t, 4> kClasses{64, 512, 4096, 16384};
constexpr std::size_t kKeptPerClass = 32;

std::optional<std::size_t> class_of(std::size_t size) {
  for (std::size_t i = 0; i < kClasses.size(); ++i) {
    if (size <= kClasses[i]) return i;
  }
  return std::nullopt;
}

class Shelf {
 public:
  std::byte* take(std::size_t size) {
    const auto fitting = class_of(size);
    if (fitting) {
      const std::lock_guard lock(mutex_);
      auto& kept = kept_[*fitting];
      if (kept.count > 0) return kept.blocks[--kept.count] + (kClasses[*fitting] - size);
    }
    const auto whole = fitting ? kClasses[*fitting] : size;
    auto* block = static_cast<std::byte*>(sodium_malloc(whole));
    if (block == nullptr) throw std::bad_alloc();
    return block + (whole - size);  // Its end is the end of the block, where the guard page is.
  }

  void give_back(std::byte* bytes, std::size_t size) noexcept {
    const auto fitting = class_of(size);
    auto* block = bytes;
    if (fitting) {
      sodium_memzero(bytes, size);
      block -= kClasses[*fitting] - size;
      const std::lock_guard lock(mutex_);
      auto& kept = kept_[*fitting];
      if (kept.count < kKeptPerClass) {
        kept.blocks[kept.count++] = block;
        return;
      }
    }
    sodium_free(block);  // Wipes too.
  }

 private:
  struct Kept {
    std::array<std::byte*, kKeptPerClass> blocks{};
    std::size_t count = 0;
  };
  std::mutex mutex_;
  std::array<Kept, kClasses.size()> kept_;
};

// Lives as long as the process: secrets in other static objects may outlast it otherwise.
Shelf& shelf() {
  static const int ready = sodium_init();  // sodium_malloc aborts before sodium_init.
  if (ready < 0) throw std::bad_alloc();
  static auto& shelf = *new Shelf;  // NOLINT(cppcoreguidelines-owning-memory)
  return shelf;
}

}  // namespace

std::byte* take(std::size_t size) { return shelf().take(size); }
void give_back(std::byte* bytes, std::size_t size) noexcept { shelf().give_back(bytes, size); }

}  // namespace aivault::guarded
