// read_only: which calls a read-only identity may make: of the registry those of class read, of an
// operator-defined capability GET, HEAD and OPTIONS. A WebSocket is none.
// Thread: any; pure. Errors: policy_violation agent_read_only. Source: GraphQL October 2021, 2.
#pragma once

#include <string_view>

#include "base/result.h"
#include "http/target.h"
#include "registry/definition.h"

namespace aivault::policy {

// Does its body decide the class of the call?
bool is_graphql_call(const registry::Capability& capability, std::string_view method);
// `method`: "WS" for a WebSocket. A GraphQL call passes; its body is judged by the following.
Result<void> check_read_only(const registry::Capability& capability,
                             std::string_view method,
                             const http::Target& target);
// Read if the body is `application/json`, without repeated keys, and every operation in it is a
// query; whatever cannot be read is destructive.
registry::CallClass class_of_graphql(std::string_view content_type, std::string_view body);
Result<void> check_read_only_graphql(std::string_view content_type, std::string_view body);

}  // namespace aivault::policy
