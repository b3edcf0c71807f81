// Fuzz: what the fuzzers share: a property that does not hold ends the process, and the input is
// taken apart the same way everywhere. Thread: libFuzzer's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

// Unlike assert it is always on, and tells libFuzzer by the abort.
#define MUST(condition)                                                          \
  do {                                                                           \
    if (!(condition)) {                                                          \
      (void)std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                              \
    }                                                                            \
  } while (false)

namespace aivault::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Takes the first line (or everything) off `rest`.
inline std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

// Takes one byte off `rest` as a number; 0 where there is none.
inline unsigned take_byte(std::string_view& rest) {
  if (rest.empty()) return 0;
  const auto byte = static_cast<unsigned char>(rest.front());
  rest.remove_prefix(1);
  return byte;
}

inline bool is_visible(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c >= '\x7F') return false;
  }
  return true;
}

// An error has a message that can be shown as it is.
template <typename E>
void must_be_presentable(const E& error) {
  MUST(!error.message.empty());
  for (const char c : error.message) MUST(static_cast<unsigned char>(c) >= ' ' && c != '\x7F');
}

}  // namespace aivault::fuzz
