#include "base/wipe.h"

#include <sodium.h>

namespace aivault {

void wipe(void* data, std::size_t size) { sodium_memzero(data, size); }

void wipe(std::string& text) {
  text.resize(text.capacity());
  sodium_memzero(text.data(), text.size());
  text.clear();
}

}  // namespace aivault
