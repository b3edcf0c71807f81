#include "base/guarded_blocks.h"

#include <sodium.h>

#include <array>
#include <atomic>
#include <mutex>
#include <new>
#include <optional>
#include <unordered_set>

#include "base/secret_memory.h"

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
    return make(whole) +
           (whole - size);  // Its end is the end of the block, where the guard page is.
  }

  void give_back(std::byte* bytes, std::size_t size) noexcept {
    const auto fitting = class_of(size);
    auto* block = bytes;
    if (fitting) {
      sodium_memzero(bytes, size);
      block -= kClasses[*fitting] - size;
      const std::lock_guard lock(mutex_);
      auto& kept = kept_[*fitting];
      // What stood in at a bad moment is not to serve for ever.
      const bool is_good = !prefers_secret_ || secret_.contains(block);
      if (is_good && kept.count < kKeptPerClass) {
        kept.blocks[kept.count++] = block;
        return;
      }
    }
    destroy(block, fitting ? kClasses[*fitting] : size);
  }

  void prefer_secret_memory() {
    auto* probe = map_secret_memory(1);
    if (probe == nullptr) return;
    unmap_secret_memory(probe, 1);
    for (std::size_t i = 0; i < kClasses.size(); ++i) {
      auto& kept = kept_[i];
      while (kept.count > 0) destroy(kept.blocks[--kept.count], kClasses[i]);
    }
    prefers_secret_ = is_all_secret_ = true;
  }
  bool is_all_secret() const { return is_all_secret_; }

 private:
  std::byte* make(std::size_t size) {
    if (prefers_secret_) {
      if (auto* block = map_secret_memory(size); block != nullptr) {
        remember(block, size);
        return block;
      }
      is_all_secret_ = false;
    }
    auto* block = static_cast<std::byte*>(sodium_malloc(size));
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }

  // Both wipe.
  void destroy(std::byte* block, std::size_t size) noexcept {
    if (forget(block)) {
      unmap_secret_memory(block, size);
    } else {
      sodium_free(block);
    }
  }

  void remember(std::byte* block, std::size_t size) {
    try {
      const std::lock_guard lock(mutex_);
      secret_.insert(block);
    } catch (...) {
      unmap_secret_memory(block, size);
      throw;
    }
  }

  bool forget(std::byte* block) {
    const std::lock_guard lock(mutex_);
    return secret_.erase(block) != 0;
  }

  struct Kept {
    std::array<std::byte*, kKeptPerClass> blocks{};
    std::size_t count = 0;
  };
  std::mutex mutex_;
  std::array<Kept, kClasses.size()> kept_;
  std::unordered_set<std::byte*> secret_;  // Of memfd_secret(2).
  bool prefers_secret_ = false;            // Constant once there is a second thread.
  std::atomic<bool> is_all_secret_ = false;
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
void prefer_secret_memory() { shelf().prefer_secret_memory(); }
bool is_secret_memory() { return shelf().is_all_secret(); }

}  // namespace aivault::guarded
