// SmallFile: a file of the caller's that is read whole.
// Thread: one. Errors: invalid_request.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aivault::cli {

// "-" is stdin where `what` says so; `what` names the file in messages: "--tls-ca-file".
enum class Dash : std::uint8_t { is_a_name, is_stdin };
Result<std::string> read_small_file(const std::string& path,
                                    std::string_view what,
                                    std::size_t most_kib,
                                    Dash dash = Dash::is_a_name);

}  // namespace aivault::cli
