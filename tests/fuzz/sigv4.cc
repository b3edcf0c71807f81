// AWS Signature Version 4: what is signed is what is sent, in one form that does not change again,
// and no part of a key is in it.
#include "auth/sigv4.h"

#include <algorithm>
#include <string>

#include "fuzz.h"
#include "http/message.h"
#include "http/target.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

namespace {

constexpr std::string_view kSecret =
    R"({"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"wJalrXUtnFEMI/K7MDENG+bPxRfiCY"})";

void check_path(const std::string& path) {
  MUST(path.starts_with('/') && fuzz::is_visible(path));
  MUST(auth::aws_path(path) == path);
  MUST(path.find_first_of("?#") == std::string::npos);
}

void check_query(const std::vector<std::pair<std::string, std::string>>& query) {
  for (const auto& [name, value] : query) {
    for (const auto* part : {&name, &value}) {
      MUST(part->find_first_of("&=#+ \r\n") == std::string::npos);
      MUST(part->empty() || fuzz::is_visible(*part));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::text_of(data, size);
  registry::AwsSigV4Auth aws;
  aws.service = fuzz::take_byte(rest) % 2 == 0 ? "s3" : "execute-api";
  aws.region = "us-east-1";
  const auto host = std::string(fuzz::take_line(rest).substr(0, 253));
  const auto target = http::parse_target(fuzz::take_line(rest));
  if (!target || !fuzz::is_visible(host)) return 0;
  const auto path = auth::aws_path(target->path());
  check_path(path);
  const auto query = auth::aws_query(target->query());
  check_query(query);

  const auto region = auth::aws_region(aws, host, "");
  for (const char c : region) MUST(c != '/' && c > ' ' && c < '\x7F');

  const auto material = auth::aws_material(kSecret);
  MUST(material.has_value());
  const http::Headers headers = {{"content-type", "application/json"},
                                 {"x-amz-meta", std::string(rest.substr(0, 200))}};
  const auto request = auth::AwsRequest{"POST", host, path, query, headers, rest};
  const auto now = UnixMs(std::chrono::milliseconds(1'440'938'160'000));
  const auto first = auth::sign_aws(aws, *material, request, now);
  if (!first) {
    fuzz::must_be_presentable(first.error());
    return 0;
  }
  const auto& text = first->authorization;
  MUST(text.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/"));
  MUST(text.find("wJalrXUtnFEMI") == std::string::npos);
  MUST(text.find_first_of("\r\n") == std::string::npos);
  // The same request has the same signature, another body has another one.
  const auto again = auth::sign_aws(aws, *material, request, now);
  MUST(again && again->authorization == text);
  const std::string longer = std::string(rest) + "x";
  auto changed = request;
  changed.body = longer;
  const auto other = auth::sign_aws(aws, *material, changed, now);
  MUST(other && other->authorization != text);
  return 0;
}
