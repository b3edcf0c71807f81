#include "http/authorization_url.h"

#include <string_view>

#include "base/encoding.h"
#include "base/text.h"

namespace aivault::http {

std::string to_string(const AuthorizationUrl& url) {
  auto text = url.endpoint;
  char separator = text.find('?') == std::string::npos ? '?' : '&';
  // The endpoint ends with its '?' or '&' already.
  if (text.ends_with('?') || text.ends_with('&')) text.pop_back();
  if (text.find('?') == std::string::npos) separator = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    text += separator;
    text.append(name).append("=").append(percent_encode(value));
    separator = '&';
  };
  add("response_type", "code");
  add("client_id", url.client_id);
  add("redirect_uri", url.redirect_uri);
  std::string scope;
  for (const auto& one : url.scopes) {
    const auto word = trim(one);
    if (word.empty()) continue;
    if (!scope.empty()) scope += ' ';
    scope += word;
  }
  if (!scope.empty()) add("scope", scope);
  if (!trim(url.state).empty()) add("state", url.state);
  for (const auto& [name, value] : url.more) add(percent_encode(name), value);
  return text;
}

}  // namespace aivault::http
