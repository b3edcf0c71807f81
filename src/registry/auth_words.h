// Words of the choices inside auth configs, and back.
// Thread: any. Compared trimmed, without case, '-' as '_'; nullopt: no such word.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "registry/auth_spec.h"

namespace aivault::registry {

std::string_view to_string(HmacAlgorithm value);
std::string_view to_string(HmacPayload value);
std::string_view to_string(JwtAlgorithm value);  // "RS256"
std::string_view to_string(GrantType value);     // "refresh_token"
std::string_view to_string(ClientAuth value);
std::string_view to_string(RequestFormat value);

std::optional<HmacAlgorithm> find_hmac_algorithm(std::string_view word);
std::optional<HmacPayload> find_hmac_payload(std::string_view word);
std::optional<JwtAlgorithm> find_jwt_algorithm(std::string_view word);
std::optional<GrantType> find_grant_type(std::string_view word);
std::optional<ClientAuth> find_client_auth(std::string_view word);
std::optional<RequestFormat> find_request_format(std::string_view word);

// "Multi-Header" becomes "multi_header"; spellings of one kind become the stored one.
std::string canonical_tag(std::string_view raw);

}  // namespace aivault::registry
