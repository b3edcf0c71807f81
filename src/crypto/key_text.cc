#include "crypto/key_text.h"

#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/reveal.h"
#include "base/text.h"
#include "crypto/keys.h"

namespace aivault::crypto {
namespace {

constexpr std::size_t kHexDigits = 2 * kKeyBytes;
constexpr std::size_t kBase64Digits =
    sodium_base64_ENCODED_LEN(kKeyBytes, sodium_base64_VARIANT_ORIGINAL) - 1;

}  // namespace

std::optional<Secret> parse_key(const Secret& text) {
  const auto digits = trim(text.text(Reveal{}));
  auto key = Secret::zeroed(kKeyBytes);
  auto* out = reinterpret_cast<unsigned char*>(key.writable(Reveal{}).data());
  std::size_t size = 0;
  const char* end = nullptr;
  int failed = -1;
  if (digits.size() == kBase64Digits) {
    failed = sodium_base642bin(out,
                               kKeyBytes,
                               digits.data(),
                               digits.size(),
                               nullptr,
                               &size,
                               &end,
                               sodium_base64_VARIANT_ORIGINAL);
  } else if (digits.size() == kHexDigits) {
    failed = sodium_hex2bin(out, kKeyBytes, digits.data(), digits.size(), nullptr, &size, &end);
  }
  if (failed != 0 || size != kKeyBytes || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  const auto bytes = key.bytes(Reveal{});
  if (std::ranges::all_of(bytes, [&](std::byte b) { return b == bytes.front(); })) {
    return std::nullopt;
  }
  return key;
}

Secret key_text(const Secret& key) {
  auto with_nul = Secret::zeroed(kBase64Digits + 1);
  const auto out = with_nul.writable(Reveal{});
  sodium_bin2base64(reinterpret_cast<char*>(out.data()),
                    out.size(),
                    reinterpret_cast<const unsigned char*>(key.bytes(Reveal{}).data()),
                    key.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  return Secret::copy_of(out.first(kBase64Digits));
}

std::optional<Secret> read_secret(int descriptor, std::size_t limit) {
  auto buffer = Secret::zeroed(limit + 1);
  const auto out = buffer.writable(Reveal{});
  std::size_t size = 0;
  while (size < out.size()) {
    const auto got = ::read(descriptor, out.data() + size, out.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return Secret::copy_of(out.first(size));
    size += static_cast<std::size_t>(got);
  }
  return std::nullopt;
}

bool write_secret(int descriptor, const Secret& secret) {
  auto rest = secret.bytes(Reveal{});
  while (!rest.empty()) {
    const auto put = ::write(descriptor, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    rest = rest.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace aivault::crypto
