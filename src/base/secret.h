// Secret: bytes in guarded, locked memory that are wiped on destruction and that no log
// line, format string, stream, JSON value or accidental copy can carry.
// Thread: any; one object belongs to one thread at a time.
// Errors: std::bad_alloc when guarded memory cannot be had.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>

namespace aivault {

class Reveal;

class Secret {
 public:
  Secret() = default;  // Empty.
  static Secret copy_of(std::span<const std::byte> bytes);
  static Secret copy_of(std::string_view text);
  static Secret join(std::initializer_list<std::string_view> parts);
  static Secret join(std::span<const std::string_view> parts);
  static Secret zeroed(std::size_t size);  // To be filled through writable().

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  Secret clone() const;
  std::size_t size() const { return size_; }  // In bytes.
  bool empty() const { return size_ == 0; }

  // Both views are valid while this Secret lives. Reveal is the permission to read:
  // only the files listed under [reveal] in src/layers.txt can make one.
  std::span<const std::byte> bytes(Reveal) const;
  std::string_view text(Reveal) const;
  std::span<std::byte> writable(Reveal);

  // Constant time in the contents; the sizes are not hidden.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  std::byte* bytes_ = nullptr;  // Owned; guarded and mlocked by sodium_malloc.
  std::size_t size_ = 0;
};

}  // namespace aivault
