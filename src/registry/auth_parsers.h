// parse_fields: the config of one auth kind from its JSON object, unchecked.
// Thread: any. Errors: invalid_request record_invalid, policy_violation auth_config.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "json/value.h"
#include "registry/auth_spec.h"

namespace aivault::registry {

// The stored tags, in the order of AuthSpec's alternatives, and the words people read.
inline constexpr std::string_view kAuthTags[] = {"header",
                                                 "path",
                                                 "query",
                                                 "basic",
                                                 "multi_header",
                                                 "multi_query",
                                                 "hmac",
                                                 "aws_sig_v4",
                                                 "mtls",
                                                 "jwt",
                                                 "o_auth2",
                                                 "github_app"};
inline constexpr std::string_view kAuthWords[] = {"header",
                                                  "path",
                                                  "query",
                                                  "basic",
                                                  "multi-header",
                                                  "multi-query",
                                                  "hmac",
                                                  "aws-sigv4",
                                                  "mtls",
                                                  "jwt",
                                                  "oauth2",
                                                  "github-app"};

// `kind` counts in kAuthTags. `type_form`: the object also holds the member "type".
Result<AuthSpec> parse_fields(std::size_t kind,
                              const json::Value& object,
                              bool type_form,
                              AuthForm form);

}  // namespace aivault::registry
