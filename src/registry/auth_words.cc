#include "registry/auth_words.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace aivault::registry {
namespace {

// Words in the order of their enumerators.
constexpr std::array<std::string_view, 4> kHmacAlgorithms = {"sha1", "sha256", "sha384", "sha512"};
constexpr std::array<std::string_view, 3> kHmacPayloads = {"canonical", "body", "timestamp"};
constexpr std::array<std::string_view, 3> kJwtAlgorithms = {"RS256", "ES256", "EdDSA"};
constexpr std::array<std::string_view, 5> kGrantTypes = {
    "refresh_token", "client_credentials", "account_credentials", "jwt_bearer", "json_exchange"};
constexpr std::array<std::string_view, 4> kClientAuths = {"auto", "basic", "body", "none"};
constexpr std::array<std::string_view, 2> kRequestFormats = {"form", "json"};

std::string folded(std::string_view raw) {
  std::string word = to_lower(trim(raw));
  std::ranges::replace(word, '-', '_');
  return word;
}

template <typename Choice, typename Words>
std::optional<Choice> find_in(const Words& words, std::string_view raw) {
  const auto wanted = folded(raw);
  const auto found =
      std::ranges::find_if(words, [&](std::string_view word) { return to_lower(word) == wanted; });
  if (found == words.end()) return std::nullopt;
  return static_cast<Choice>(found - words.begin());
}

template <typename Words, typename Choice>
std::string_view word_of(const Words& words, Choice value) {
  return words.at(static_cast<std::size_t>(value));
}

}  // namespace

std::string_view to_string(HmacAlgorithm value) { return word_of(kHmacAlgorithms, value); }
std::string_view to_string(HmacPayload value) { return word_of(kHmacPayloads, value); }
std::string_view to_string(JwtAlgorithm value) { return word_of(kJwtAlgorithms, value); }
std::string_view to_string(GrantType value) { return word_of(kGrantTypes, value); }
std::string_view to_string(ClientAuth value) { return word_of(kClientAuths, value); }
std::string_view to_string(RequestFormat value) { return word_of(kRequestFormats, value); }

std::optional<HmacAlgorithm> find_hmac_algorithm(std::string_view word) {
  return find_in<HmacAlgorithm>(kHmacAlgorithms, word);
}
std::optional<HmacPayload> find_hmac_payload(std::string_view word) {
  return find_in<HmacPayload>(kHmacPayloads, word);
}
std::optional<JwtAlgorithm> find_jwt_algorithm(std::string_view word) {
  return find_in<JwtAlgorithm>(kJwtAlgorithms, word);
}
std::optional<GrantType> find_grant_type(std::string_view word) {
  return find_in<GrantType>(kGrantTypes, word);
}
std::optional<ClientAuth> find_client_auth(std::string_view word) {
  return find_in<ClientAuth>(kClientAuths, word);
}
std::optional<RequestFormat> find_request_format(std::string_view word) {
  return find_in<RequestFormat>(kRequestFormats, word);
}

std::string canonical_tag(std::string_view raw) {
  std::string tag = folded(raw);
  if (tag == "oauth2") return "o_auth2";
  if (tag == "aws_sigv4") return "aws_sig_v4";
  return tag;
}

}  // namespace aivault::registry
