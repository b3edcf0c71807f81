// ErrorBody: an Error as it travels: JSON {"error","message","reason"?}, status, text for people.
// Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aivault::protocol {

int http_status(const Error& error);
std::string to_json(const Error& error);
// nullopt when the text is not an error object.
std::optional<Error> error_from_json(std::string_view json);
// "PolicyViolation: method not allowed by capability"
std::string to_text(const Error& error);

}  // namespace aivault::protocol
