#include "cli/wiped_buffer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace aivault::cli {
namespace {

constexpr std::size_t kFirstCapacity = 4096;

}  // namespace

WipedBuffer::WipedBuffer(WipedBuffer&& other) noexcept
    : bytes_(std::move(other.bytes_)),
      capacity_(std::exchange(other.capacity_, 0)),
      size_(std::exchange(other.size_, 0)) {}

WipedBuffer& WipedBuffer::operator=(WipedBuffer&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(capacity_, other.capacity_);
  std::swap(size_, other.size_);
  return *this;
}

void WipedBuffer::grow_to(std::size_t capacity) {
  auto larger = std::make_unique<char[]>(capacity);  // NOLINT(*-avoid-c-arrays)
  std::copy_n(bytes_.get(), size_, larger.get());
  wipe(bytes_.get(), capacity_);
  bytes_ = std::move(larger);
  capacity_ = capacity;
}

Result<WipedBuffer> WipedBuffer::read(int descriptor, const std::string& name, std::size_t limit) {
  WipedBuffer buffer;
  const auto most = limit + 1;
  while (buffer.size_ < most) {
    if (buffer.size_ == buffer.capacity_) {
      buffer.grow_to(std::min(most, std::max(kFirstCapacity, buffer.capacity_ * 2)));
    }
    const auto got =
        ::read(descriptor, buffer.bytes_.get() + buffer.size_, buffer.capacity_ - buffer.size_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return invalid_request("", name + ": " + std::strerror(errno));
    if (got == 0) break;
    buffer.size_ += static_cast<std::size_t>(got);
  }
  return buffer;
}

}  // namespace aivault::cli
