#include "auth/sign_token_request.h"

#include <string>
#include <utility>
#include <vector>

#include "base/reveal.h"

namespace aivault::auth {

Result<SignedRequest> sign_token_request(const policy::TokenEndpoint& endpoint,
                                         http::Headers headers,
                                         std::uint64_t body_size,
                                         const Secret& authorization) {
  const auto value = authorization.text(Reveal());
  if (!http::is_field_value(value)) {
    return vault_unavailable("secret_malformed", "secret cannot be sent in a header");
  }
  auto planned = policy::plan_token_request(endpoint, std::move(headers), body_size);
  const auto target = endpoint.target().wire();
  const auto host = endpoint.authority().text();
  const auto size = std::to_string(body_size);
  std::vector<std::string_view> head = {"POST ", target, " HTTP/1.1\r\nhost: ", host, "\r\n"};
  for (const auto& header : planned.headers()) {
    head.insert(head.end(), {header.name, ": ", header.value, "\r\n"});
  }
  if (!value.empty()) head.insert(head.end(), {"authorization: ", value, "\r\n"});
  head.insert(head.end(), {"content-length: ", size, "\r\n\r\n"});
  auto joined = Secret::join(head);
  return SignedRequest(std::move(planned), std::move(joined));
}

}  // namespace aivault::auth
