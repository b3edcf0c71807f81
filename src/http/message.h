// Message: the plain values that HTTP messages are made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aivault::http {

struct Header {
  std::string name;  // Lower case where we made or accepted it.
  std::string value;
  bool operator==(const Header&) const = default;
};
using Headers = std::vector<Header>;

// First header of that lower-case name; nullptr if there is none.
const std::string* find(const Headers& headers, std::string_view name);

bool is_token(std::string_view text);        // RFC 9110 5.6.2
bool is_field_value(std::string_view text);  // HTAB, 0x20-0x7E only.

}  // namespace aivault::http
