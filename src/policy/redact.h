// redact: takes the values of broker-managed query parameters out of queries and URLs.
// Thread: any.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace aivault::policy {

// `query` without its '?'. Names are compared fully decoded and without case; pieces end at '&'
// and ';'.
std::string redact_parameters(std::string_view query, std::span<const std::string> names);
// The same for the query and the fragment of a URL.
std::string redact_url(std::string_view url, std::span<const std::string> names);

}  // namespace aivault::policy
