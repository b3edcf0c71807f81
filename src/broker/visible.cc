#include "broker/visible.h"

#include <algorithm>
#include <iterator>

#include "policy/response_headers.h"

namespace aivault::broker {
namespace {

// A name that holds the secret is no header that anybody needs.
http::Headers without_secret_names(const http::Headers& headers, const policy::ScrubForms& forms) {
  http::Headers kept;
  std::ranges::copy_if(headers, std::back_inserter(kept), [&forms](const http::Header& header) {
    return !policy::holds_in_any_case(forms, header.name);
  });
  return kept;
}

}  // namespace

http::Headers visible_to_caller(const http::Headers& headers,
                                const registry::AuthSpec& auth,
                                const std::shared_ptr<const policy::ScrubForms>& forms) {
  auto visible = policy::visible_headers(without_secret_names(headers, *forms), auth);
  for (auto& header : visible) header.value = policy::scrub_text(forms, header.value);
  return visible;
}

}  // namespace aivault::broker
