// Text: small pure questions about bytes and text that every module asks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aivault {

bool is_space(char c);  // ASCII white space: SP, HTAB, LF, VT, FF, CR.
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);                      // ASCII only.
std::string to_upper(std::string_view text);                      // ASCII only.
bool equals_ignore_case(std::string_view a, std::string_view b);  // ASCII only.
std::vector<std::string_view> split(std::string_view text, char separator);
bool is_valid_utf8(std::string_view text);
bool has_control(std::string_view text);  // Bytes 0x00-0x1F or 0x7F.

// `text` cut at `limit` bytes; the bytes of control characters and of bidirectional overrides, and
// those that are not UTF-8, as \xNN: for messages.
std::string quote_for_message(std::string_view text, std::size_t limit = 200);

}  // namespace aivault
