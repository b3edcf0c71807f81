// authorization_url: where a person's browser goes to say yes to an OAuth 2 client.
// Thread: any; pure. Source: RFC 6749 section 4.1.1, RFC 7636 section 4.3.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace aivault::http {

struct AuthorizationUrl {
  std::string endpoint;  // May have a query of its own.
  std::string client_id;
  std::string redirect_uri;
  std::vector<std::string> scopes;                             // None: no `scope`.
  std::string state;                                           // Blank: no `state`.
  std::vector<std::pair<std::string, std::string>> more = {};  // Behind the others.
};

// endpoint?response_type=code&client_id=..., every value percent-encoded as RFC 3986 has it.
std::string to_string(const AuthorizationUrl& url);

}  // namespace aivault::http
