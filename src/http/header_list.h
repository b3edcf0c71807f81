// header_list: headers whose value is a list of tokens, such as connection and upgrade.
// Thread: any; pure. Source: RFC 9110 5.6.1.
#pragma once

#include <string_view>

#include "http/message.h"

namespace aivault::http {

// Whether the lists of all headers of that lower-case name hold `wanted`, in any case.
bool lists(const Headers& headers, std::string_view name, std::string_view wanted);

}  // namespace aivault::http
