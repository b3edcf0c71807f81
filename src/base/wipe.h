// wipe: zeroes memory in a way the compiler cannot remove.
#pragma once

#include <cstddef>
#include <string>

namespace aivault {

void wipe(void* data, std::size_t size);
void wipe(std::string& text);  // The whole capacity; then clears it.

}  // namespace aivault
