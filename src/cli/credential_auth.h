// credential_auth: the auth config that the flags of `credential create` describe.
// Thread: any. Errors: invalid_request (a template without a name).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/arguments.h"
#include "json/value.h"

namespace aivault::cli {

// `kind`: a value of --auth.
Result<json::Value> auth_of(const Arguments& arguments, std::string_view kind);

// Flags that were given though they belong to other kinds, each with the words of its kinds.
std::vector<std::pair<std::string, std::string>> foreign_auth_flags(const Arguments& arguments,
                                                                    std::string_view kind);

}  // namespace aivault::cli
