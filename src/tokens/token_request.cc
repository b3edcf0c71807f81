#include "tokens/token_request.h"

#include <array>

#include "base/encoding.h"
#include "base/reveal.h"
#include "base/wipe.h"
#include "json/parts.h"

namespace aivault::tokens {
namespace {

using registry::ClientAuth;
using registry::RequestFormat;
using Parts = std::vector<std::string_view>;

// "%00%01...%FF": every escape is a view into it.
std::string_view escape_of(char c) {
  static const std::string all = [] {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string text;
    for (unsigned value = 0; value < 256; ++value) {
      text += {'%', kHex[value >> 4U], kHex[value & 15U]};
    }
    return text;
  }();
  return std::string_view(all).substr(std::size_t{3} * static_cast<unsigned char>(c), 3);
}

bool is_plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

void append_form_encoded(std::string_view text, Parts& out) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_plain(text[i])) continue;
    out.push_back(text.substr(begin, i - begin));
    out.push_back(text[i] == ' ' ? std::string_view("+") : escape_of(text[i]));
    begin = i + 1;
  }
  out.push_back(text.substr(begin));
}

Secret form_of(std::span<const FormField> fields) {
  Parts parts;
  for (const auto& field : fields) {
    if (!parts.empty()) parts.emplace_back("&");
    append_form_encoded(field.name, parts);
    parts.emplace_back("=");
    append_form_encoded(field.value, parts);
  }
  return Secret::join(parts);
}

Secret json_of(std::span<const FormField> fields) {
  Parts parts = {"{"};
  for (const auto& field : fields) {
    if (parts.size() > 1) parts.emplace_back(",");
    json::append_quoted(field.name, parts);
    parts.emplace_back(":");
    json::append_quoted(field.value, parts);
  }
  parts.emplace_back("}");
  return Secret::join(parts);
}

Secret basic_of(std::string_view id, std::string_view secret) {
  const auto pair = Secret::join({id, ":", secret});
  auto encoded = base64(pair.bytes(Reveal()));
  auto value = Secret::join({"Basic ", encoded});
  wipe(encoded);
  return value;
}

}  // namespace

Result<TokenRequest> make_token_request(const Client& client,
                                        std::span<const FormField> fields,
                                        RequestFormat format) {
  if (client.auth == ClientAuth::basic && !client.secret) {
    return fail(
        ErrorCode::oauth_refresh_required, "setup_incomplete", "missing oauth2 client secret");
  }
  std::vector<FormField> all;
  if (!client.id.empty()) all.push_back({"client_id", client.id});
  if (client.auth == ClientAuth::body && client.secret) {
    all.push_back({"client_secret", *client.secret});
  }
  all.insert(all.end(), fields.begin(), fields.end());
  TokenRequest request;
  const bool is_form = format == RequestFormat::form;
  request.body = is_form ? form_of(all) : json_of(all);
  request.content_type = is_form ? "application/x-www-form-urlencoded" : "application/json";
  const bool in_header = client.auth == ClientAuth::automatic || client.auth == ClientAuth::basic;
  if (in_header && client.secret) request.authorization = basic_of(client.id, *client.secret);
  return request;
}

}  // namespace aivault::tokens
