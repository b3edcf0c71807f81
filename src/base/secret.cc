#include "base/secret.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "base/guarded_blocks.h"
#include "base/reveal.h"

namespace aivault {
Secret Secret::copy_of(std::span<const std::byte> bytes) {
  return join({{reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
}

Secret Secret::copy_of(std::string_view text) { return join({text}); }

Secret Secret::join(std::initializer_list<std::string_view> parts) {
  return join(std::span<const std::string_view>(parts.begin(), parts.size()));
}

Secret Secret::zeroed(std::size_t size) {
  Secret secret;
  if (size == 0) return secret;
  secret.bytes_ = guarded::take(size);
  secret.size_ = size;
  sodium_memzero(secret.bytes_, size);
  return secret;
}

Secret Secret::join(std::span<const std::string_view> parts) {
  Secret secret;
  for (const auto part : parts) secret.size_ += part.size();
  if (secret.size_ == 0) return secret;
  secret.bytes_ = guarded::take(secret.size_);
  auto* end = secret.bytes_;
  for (const auto part : parts) end = std::ranges::copy(std::as_bytes(std::span(part)), end).out;
  return secret;
}

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  Secret taken(std::move(other));  // Wipes our old bytes when it goes out of scope.
  std::swap(bytes_, taken.bytes_);
  std::swap(size_, taken.size_);
  return *this;
}

Secret::~Secret() {
  if (bytes_ != nullptr) guarded::give_back(bytes_, size_);
}

Secret Secret::clone() const { return copy_of(std::span<const std::byte>(bytes_, size_)); }

std::span<const std::byte> Secret::bytes(Reveal) const { return {bytes_, size_}; }

std::string_view Secret::text(Reveal) const {
  return {reinterpret_cast<const char*>(bytes_), size_};
}

std::span<std::byte> Secret::writable(Reveal) { return {bytes_, size_}; }

bool operator==(const Secret& a, const Secret& b) {
  return a.size_ == b.size_ && sodium_memcmp(a.bytes_, b.bytes_, a.size_) == 0;
}

}  // namespace aivault
