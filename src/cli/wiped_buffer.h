// WipedBuffer: what was read from a descriptor and may hold a secret; wiped when it is let go and
// whenever it grows.
// Thread: one. Errors: invalid_request, naming the source.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/wipe.h"

namespace aivault::cli {

class WipedBuffer {
 public:
  WipedBuffer() = default;
  WipedBuffer(WipedBuffer&& other) noexcept;
  WipedBuffer& operator=(WipedBuffer&& other) noexcept;
  WipedBuffer(const WipedBuffer&) = delete;
  WipedBuffer& operator=(const WipedBuffer&) = delete;
  ~WipedBuffer() { wipe(bytes_.get(), capacity_); }

  // To its end, or to one byte more than `limit`. `name` is for messages.
  static Result<WipedBuffer> read(int descriptor, const std::string& name, std::size_t limit);

  std::string_view text() const { return {bytes_.get(), size_}; }
  std::span<char> writable() { return {bytes_.get(), size_}; }

 private:
  void grow_to(std::size_t capacity);

  std::unique_ptr<char[]> bytes_;  // NOLINT(*-avoid-c-arrays): its size is set at run time
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

}  // namespace aivault::cli
