#include "http/utf8.h"

namespace aivault::http {

// Table 3-7 of the Unicode standard: only after four first bytes is the second one restricted.
bool Utf8Check::begin(unsigned char byte) {
  least_ = 0x80;
  most_ = 0xBF;
  if (byte < 0x80) return true;
  if (byte < 0xC2 || byte > 0xF4) return false;
  missing_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  if (byte == 0xE0) least_ = 0xA0;
  if (byte == 0xED) most_ = 0x9F;
  if (byte == 0xF0) least_ = 0x90;
  if (byte == 0xF4) most_ = 0x8F;
  return true;
}

bool Utf8Check::feed(std::string_view piece) {
  for (const char c : piece) {
    const auto byte = static_cast<unsigned char>(c);
    if (broken_) return false;
    if (missing_ == 0) {
      broken_ = !begin(byte);
    } else {
      broken_ = byte < least_ || byte > most_;
      --missing_;
      least_ = 0x80;
      most_ = 0xBF;
    }
  }
  return !broken_;
}

}  // namespace aivault::http
