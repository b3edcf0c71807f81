#include "crypto/canonical.h"

namespace aivault::crypto {
namespace {

constexpr std::string_view kMagic("aivault\0\1", 9);  // Ends with the encoding version.

template <typename Integer>
void append_little_endian(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8U * i) & 0xFFU);
  }
}

}  // namespace

Canonical::Canonical(std::string_view purpose) {
  encoded_.reserve(192);
  encoded_ += kMagic;
  encoded_ += static_cast<char>(purpose.size());
  encoded_ += purpose;
  count_at_ = encoded_.size();
  encoded_.append(2, '\0');
}

void Canonical::begin_field(char tag) {
  if (in_lists_ > 0) {
    --in_lists_;
  } else {
    ++fields_;
  }
  encoded_ += tag;
}

void Canonical::sized(char tag, std::string_view bytes) {
  begin_field(tag);
  append_little_endian(encoded_, static_cast<std::uint32_t>(bytes.size()));
  encoded_ += bytes;
}

Canonical& Canonical::absent() {
  begin_field('\0');
  return *this;
}

Canonical& Canonical::blob(std::string_view bytes) {
  sized('\1', bytes);
  return *this;
}

Canonical& Canonical::text(std::string_view utf8) {
  sized('\2', utf8);
  return *this;
}

Canonical& Canonical::integer(std::int64_t value) {
  begin_field('\3');
  append_little_endian(encoded_, value);
  return *this;
}

Canonical& Canonical::list(std::uint32_t count) {
  begin_field('\4');
  append_little_endian(encoded_, count);
  in_lists_ += count;
  return *this;
}

std::string Canonical::bytes() const {
  std::string out = encoded_;
  out[count_at_] = static_cast<char>(fields_ & 0xFFU);
  out[count_at_ + 1] = static_cast<char>(fields_ >> 8U & 0xFFU);
  return out;
}

}  // namespace aivault::crypto
