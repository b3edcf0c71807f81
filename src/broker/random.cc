#include "broker/random.h"

#include <sys/random.h>

#include <cstdlib>

namespace aivault::broker {

std::array<std::byte, 16> random_bytes() {
  std::array<std::byte, 16> bytes{};
  // Up to 256 bytes come whole and uninterrupted; anything else is a kernel we cannot run on.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    std::abort();
  return bytes;
}

}  // namespace aivault::broker
