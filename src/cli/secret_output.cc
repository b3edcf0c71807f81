#include "cli/secret_output.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string_view>

#include "base/reveal.h"

namespace aivault::cli {

Result<void> send_secret(Connection& connection, const Secret& body) {
  return connection.send(body.text(Reveal{}));
}

Result<platform::Descriptor> pipe_with_new_key() {
  constexpr std::size_t kKeySize = 32;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return vault_unavailable("", "cannot make a pipe");
  platform::Descriptor reading(ends[0]);
  const platform::Descriptor writing(ends[1]);
  auto key = Secret::zeroed(kKeySize);
  auto text = Secret::zeroed(2 * kKeySize);
  const auto bytes = key.writable(Reveal{});
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return vault_unavailable("", "cannot get random bytes");
  }
  const auto digits = text.writable(Reveal{});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<unsigned>(bytes[i]);
    digits[2 * i] = std::byte(kDigits[byte >> 4U]);
    digits[2 * i + 1] = std::byte(kDigits[byte & 0xfU]);
  }
  // A fresh pipe takes this much at once.
  if (::write(writing.get(), digits.data(), digits.size()) != static_cast<ssize_t>(digits.size())) {
    return vault_unavailable("", "cannot write to a pipe");
  }
  return reading;
}

}  // namespace aivault::cli
