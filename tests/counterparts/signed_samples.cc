// Prints requests as auth signs them, one JSON object a line: signed_samples COUNT, or
// signed_samples jwt ALGORITHM < PEM for one token.
#include <chrono>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "auth/jwt.h"
#include "auth/sigv4.h"
#include "base/reveal.h"
#include "http/target.h"
#include "json/write.h"
#include "registry/auth_words.h"

namespace {

using namespace aivault;

constexpr std::string_view kSecret =
    R"({"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"example/secret+key","region":"eu-central-1"})";
constexpr std::string_view kWithToken =
    R"({"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"example/secret+key","region":"eu-central-1",)"
    R"("sessionToken":"session+token/=="})";

class Generator {
 public:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  template <typename List>
  std::string one_of(const List& list) {
    return std::string(*(std::begin(list) + static_cast<std::ptrdiff_t>(below(std::size(list)))));
  }
  std::string joined(std::size_t most) {
    constexpr std::string_view kPieces[] = {"a",   "Z",   "7",   "-",   ".x",     "_", "~",
                                            "%20", "%2F", "%2f", "%41", "%C3%A9", "+", ":",
                                            "@",   "!",   "*",   "'",   "$",      ",", "="};
    std::string text;
    for (auto count = below(most); count > 0; --count) text += one_of(kPieces);
    return text;
  }
  std::string path() {
    std::string path;
    for (auto count = below(4) + 1; count > 0; --count) path += "/" + joined(5);
    return path;
  }
  std::string query() {
    constexpr std::string_view kNames[] = {"a", "b", "a", "B", "name%20x", "x-y", "%C3%A9", "acl"};
    std::string query;
    for (auto count = below(5); count > 0; --count) {
      query += (query.empty() ? "?" : "&") + one_of(kNames);
      if (below(4) != 0) query += "=" + joined(4);
    }
    return query;
  }

 private:
  std::mt19937 random_{7};  // NOLINT(cert-msc51-cpp): the same samples each time.
};

json::Value headers_of(const auth::AwsRequest& request,
                       const auth::AwsSignature& made,
                       bool token) {
  json::Value headers = json::Value::object({{"host", request.host}, {"x-amz-date", made.date}});
  for (const auto& header : request.headers) headers.set(header.name, header.value);
  if (token) headers.set("x-amz-security-token", "session+token/==");
  if (!made.content_sha256.empty()) headers.set("x-amz-content-sha256", made.content_sha256);
  return headers;
}

bool print_sample(Generator& random) {
  constexpr std::string_view kServices[] = {"s3", "execute-api", "dynamodb", "bedrock"};
  constexpr std::string_view kMethods[] = {"GET", "PUT", "POST", "DELETE"};
  constexpr std::string_view kBodies[] = {"", R"({"a":1})", "text with é"};
  const registry::AwsSigV4Auth auth{random.one_of(kServices), ""};
  const auto target = http::parse_target(random.path() + random.query());
  if (!target) return false;
  const bool token = random.below(3) == 0;
  const auto material = auth::aws_material(token ? kWithToken : kSecret);
  const http::Headers headers = {{"content-type", "application/json"},
                                 {"x-amz-meta-a", "one  two "}};
  const std::string body = random.one_of(kBodies);
  const std::string method = random.one_of(kMethods);
  const auth::AwsRequest request{method,
                                 "service.test",
                                 auth::aws_path(target->path()),
                                 auth::aws_query(target->query()),
                                 headers,
                                 body};
  const UnixMs now =
      from_int(1'700'000'000'000 + static_cast<std::int64_t>(random.below(1'000'000'000)));
  const auto made = auth::sign_aws(auth, *material, request, now);
  if (!made) return false;
  json::Value query = json::Value::array();
  for (const auto& [name, value] : request.query) query.push(json::Value::array({name, value}));
  std::cout << json::compact(json::Value::object({{"service", auth.service},
                                                  {"method", request.method},
                                                  {"path", request.path},
                                                  {"query", std::move(query)},
                                                  {"headers", headers_of(request, *made, token)},
                                                  {"body", body},
                                                  {"token", token},
                                                  {"time", to_int(now)},
                                                  {"authorization", made->authorization}}))
            << "\n";
  return true;
}

int print_token(std::string_view algorithm) {
  const auto known = registry::find_jwt_algorithm(algorithm);
  if (!known) return 2;
  const std::string pem{std::istreambuf_iterator<char>(std::cin), {}};
  const auto token = auth::signed_jwt(*known, pem, "key-1", {R"({"iss":"app","sub":"me"})"});
  if (!token) return 1;
  std::cout << token->text(Reveal()) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "jwt") return print_token(arguments[1]);
  if (arguments.size() != 1) return 2;
  Generator random;
  for (auto left = std::stoul(arguments[0]); left > 0;) {
    if (print_sample(random)) --left;
  }
  return 0;
}
