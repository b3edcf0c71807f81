// Canonical: the one encoding (CE) of everything that is authenticated; joined text never is.
// Little-endian throughout: "aivault" NUL, 1 (version); u8 length and purpose; u16 number of
// fields; then each field: 00 absent | 01 u32 length, bytes | 02 u32 length, UTF-8 | 03 i64 | 04
// u32 count, fields. Thread: any; pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aivault::crypto {

class Canonical {
 public:
  explicit Canonical(std::string_view purpose);  // ASCII, at most 255 bytes.

  Canonical& absent();
  Canonical& blob(std::string_view bytes);
  Canonical& text(std::string_view utf8);
  Canonical& integer(std::int64_t value);
  // The next `count` fields are the members of this list; lists nest.
  Canonical& list(std::uint32_t count);

  // What was encoded so far, with the number of its top-level fields.
  std::string bytes() const;

 private:
  void begin_field(char tag);
  void sized(char tag, std::string_view bytes);

  std::string encoded_;
  std::size_t count_at_;        // Where the number of fields goes.
  std::uint16_t fields_ = 0;    // Top-level fields.
  std::uint64_t in_lists_ = 0;  // Fields that still belong to an open list.
};

}  // namespace aivault::crypto
