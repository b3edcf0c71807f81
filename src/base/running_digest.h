// RunningDigest: the SHA-256 of bytes that come in pieces.
// Thread: one. Source: FIPS 180-4.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace aivault {

class RunningDigest {
 public:
  RunningDigest();
  void add(std::string_view bytes);
  std::string hex();  // Of all that was added; once.

 private:
  static constexpr std::size_t kStateSize = 128;  // Checked against libsodium's.
  alignas(8) std::array<std::byte, kStateSize> state_{};
};

}  // namespace aivault
