// parts: a document as pieces of text to be joined, with no copy of its strings: for documents
// that hold secrets and become a Secret.
// Thread: any. Source: RFC 8259 7.
#pragma once

#include <string_view>
#include <vector>

#include "json/value.h"

namespace aivault::json {

// The views live as long as what they were made of.
void append_parts(const Value& value, std::vector<std::string_view>& out);  // Compact.
void append_quoted(std::string_view text, std::vector<std::string_view>& out);

}  // namespace aivault::json
