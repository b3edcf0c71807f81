// Field line: one "name: value" of a head or of trailers, or the reason why it is none.
// Thread: any. Source: RFC 9112 5.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace aivault::http {

// `line` without its end. The name comes back in lower case, the value without the white space
// around it. Bytes above 0x7F pass in values: what they mean is for whoever uses the value.
tl::expected<Header, std::string> parse_field_line(std::string_view line);

}  // namespace aivault::http
