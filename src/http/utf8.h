// Utf8Check: is a text that arrives in pieces UTF-8 so far? The first byte that cannot belong to
// one is found when it comes, wherever the pieces are cut.
// Thread: any; pure. Source: RFC 3629.
#pragma once

#include <string_view>

namespace aivault::http {

class Utf8Check {
 public:
  bool feed(std::string_view piece);                  // False: it is none, for good.
  bool is_complete() const { return missing_ == 0; }  // No character is cut off.

 private:
  bool begin(unsigned char byte);

  unsigned missing_ = 0;                      // Bytes of the character that has begun.
  unsigned char least_ = 0x80, most_ = 0xBF;  // Of the next of them.
  bool broken_ = false;
};

}  // namespace aivault::http
