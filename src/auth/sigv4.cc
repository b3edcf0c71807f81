#include "auth/sigv4.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "auth/parts.h"
#include "base/encoding.h"
#include "base/reveal.h"
#include "base/text.h"
#include "crypto/sha256.h"
#include "crypto/signature.h"
#include "http/percent.h"

namespace aivault::auth {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

// [a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}
bool is_region(std::string_view label) {
  const auto parts = split(label, '-');
  if (parts.size() < 3 || parts.size() > 5 || parts.front().size() != 2) return false;
  const auto number = parts.back();
  if (number.empty() || number.size() > 2 || !std::ranges::all_of(number, is_digit)) return false;
  return std::ranges::all_of(parts.begin(), parts.end() - 1, [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, is_letter);
  });
}

std::optional<std::string> region_of_host(std::string_view host) {
  constexpr std::array<std::string_view, 5> kSuffixes = {
      ".vpce.amazonaws.com", ".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws"};
  const auto* const suffix = std::ranges::find_if(
      kSuffixes, [&](std::string_view candidate) { return host.ends_with(candidate); });
  if (suffix == kSuffixes.end()) return std::nullopt;
  host.remove_suffix(suffix->size());
  auto labels = split(host, '.');
  std::ranges::reverse(labels);
  for (auto label : labels) {
    if (label.starts_with("s3-")) label.remove_prefix(3);
    if (is_region(label)) return std::string(label);
  }
  return std::nullopt;
}

// Endpoint names that sign under another.
std::string_view signing_name(std::string_view service) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNames = {
      {{"bedrock-runtime", "bedrock"},
       {"bedrock-agent", "bedrock"},
       {"bedrock-agent-runtime", "bedrock"},
       {"email", "ses"},
       {"s3-control", "s3"},
       {"runtime.sagemaker", "sagemaker"},
       {"lambda-url", "lambda"}}};
  for (const auto& [endpoint, name] : kNames) {
    if (service == endpoint) return name;
  }
  return service;
}

bool is_s3_name(std::string_view service) {
  return service == "s3" || service == "s3-outposts" || service == "s3express";
}

bool sends_payload_hash(std::string_view service) {
  return is_s3_name(service) || service == "glacier" || service == "aoss";
}

std::string encoded_segments(std::string_view path, bool decode) {
  std::string out;
  for (const auto segment : split(path, '/')) {
    out += '/';
    out += percent_encode(decode ? http::percent_decode(segment) : std::string(segment));
  }
  return out.substr(1);
}

std::string canonical_path(std::string_view service, std::string_view wire) {
  if (is_s3_name(service)) return std::string(wire);
  std::string merged;
  for (const char c : wire) {
    if (c != '/' || !merged.ends_with('/')) merged += c;
  }
  return encoded_segments(merged, false);
}

std::string canonical_query(std::vector<std::pair<std::string, std::string>> query) {
  std::ranges::sort(query);
  std::string out;
  for (const auto& [name, value] : query) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

// Trimmed, inner runs of spaces single.
std::string canonical_value(std::string_view value) {
  std::string out;
  for (const char c : trim(value)) {
    if (c != ' ' || !out.ends_with(' ')) out += c;
  }
  return out;
}

bool is_signed(std::string_view name) {
  return name == "content-type" || name == "content-md5" || name.starts_with("x-amz-");
}

struct Moment {
  std::string date, time;  // "20150830", "20150830T123600Z"
};

Moment moment_of(UnixMs now) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(now - day));
  const auto padded = [](auto number, std::size_t width) {
    auto text = std::to_string(number);
    return std::string(width - std::min(width, text.size()), '0') + text;
  };
  Moment moment;
  moment.date = padded(static_cast<int>(date.year()), 4) +
                padded(static_cast<unsigned>(date.month()), 2) +
                padded(static_cast<unsigned>(date.day()), 2);
  moment.time = moment.date + "T" + padded(clock.hours().count(), 2) +
                padded(clock.minutes().count(), 2) + padded(clock.seconds().count(), 2) + "Z";
  return moment;
}

std::string signature_of(const AwsMaterial& material,
                         std::string_view date,
                         std::string_view region,
                         std::string_view service,
                         const std::string& text) {
  using crypto::HmacHash;
  Secret key = Secret::join({"AWS4", material.secret});
  for (const auto part : {date, region, service, std::string_view("aws4_request")}) {
    key = crypto::hmac(HmacHash::sha256, key.text(Reveal()), part);
  }
  return hex(crypto::hmac(HmacHash::sha256, key.text(Reveal()), text).bytes(Reveal()));
}

}  // namespace

Result<AwsMaterial> aws_material(std::string_view secret) {
  auto fields = Fields::parse(secret);
  if (!fields) {
    return vault_unavailable("secret_malformed",
                             "aws secret must be JSON with accessKeyId/secretAccessKey");
  }
  AwsMaterial material{*std::move(fields), {}, {}, {}, {}};
  const auto take = [&](std::string_view camel, std::string_view snake) {
    const auto found = material.fields.find(camel);
    return trim(found ? *found : material.fields.find(snake).value_or(""));
  };
  material.id = take("accessKeyId", "access_key_id");
  material.secret = take("secretAccessKey", "secret_access_key");
  material.session_token = take("sessionToken", "session_token");
  material.region = take("region", "region");
  if (material.id.empty() || material.secret.empty()) {
    return vault_unavailable("secret_malformed", "missing aws credentials");
  }
  const auto plain = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::ranges::all_of(material.id, plain) ||
      !std::ranges::all_of(material.session_token, plain)) {
    return vault_unavailable("secret_malformed", "secret cannot be sent in a header");
  }
  return material;
}

bool is_s3(const registry::AwsSigV4Auth& auth) { return is_s3_name(signing_name(auth.service)); }

std::string aws_region(const registry::AwsSigV4Auth& auth,
                       std::string_view host,
                       std::string_view region_of_secret) {
  host = host.substr(0, host.find(':'));
  if (auto region = region_of_host(host)) return *std::move(region);
  if (!region_of_secret.empty()) return std::string(region_of_secret);
  // The default of the config is no choice of anybody's.
  const bool chosen = !auth.region.empty() && auth.region != registry::AwsSigV4Auth().region;
  if (chosen) return auth.region;
  return host.ends_with(".r2.cloudflarestorage.com") ? "auto" : "us-east-1";
}

std::string aws_path(std::string_view path) { return encoded_segments(path, true); }

std::vector<std::pair<std::string, std::string>> aws_query(
    const std::vector<http::QueryPiece>& query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& piece : query) {
    pairs.emplace_back(percent_encode(piece.name), percent_encode(piece.value));
  }
  return pairs;
}

Result<AwsSignature> sign_aws(const registry::AwsSigV4Auth& auth,
                              const AwsMaterial& material,
                              const AwsRequest& request,
                              UnixMs now) {
  const auto service = signing_name(auth.service);
  const auto region = aws_region(auth, request.host, material.region);
  const auto moment = moment_of(now);
  if (!request.body && !is_s3(auth)) {
    return invalid_request("body_not_signable", "request body too large to sign");
  }
  AwsSignature made;
  made.date = moment.time;
  const auto payload = request.body ? crypto::sha256_hex(*request.body) : std::string(kUnsigned);
  if (sends_payload_hash(service)) made.content_sha256 = payload;

  // Sorted by name. The token stays in guarded memory.
  std::map<std::string, std::string> headers = {{"host", request.host}, {"x-amz-date", made.date}};
  if (!made.content_sha256.empty()) headers["x-amz-content-sha256"] = payload;
  if (!material.session_token.empty()) headers["x-amz-security-token"] = "";
  for (const auto& header : request.headers) {
    if (is_signed(header.name)) headers.emplace(header.name, canonical_value(header.value));
  }
  const std::string query = canonical_query(request.query);
  const std::string path = canonical_path(service, request.path);
  Parts canonical = {request.method, "\n", path, "\n", query, "\n"};
  std::string names;
  for (const auto& [name, value] : headers) {
    names += (names.empty() ? "" : ";") + name;
    const bool token = name == "x-amz-security-token";
    append(canonical, {name, ":", token ? material.session_token : std::string_view(value), "\n"});
  }
  append(canonical, {"\n", names, "\n", payload});
  const std::string scope =
      moment.date + "/" + region + "/" + std::string(service) + "/aws4_request";
  const std::string text = std::string(kAlgorithm) + "\n" + moment.time + "\n" + scope + "\n" +
                           crypto::sha256_hex(Secret::join(canonical));
  made.authorization = std::string(kAlgorithm) + " Credential=" + std::string(material.id) + "/" +
                       scope + ", SignedHeaders=" + names +
                       ", Signature=" + signature_of(material, moment.date, region, service, text);
  return made;
}

}  // namespace aivault::auth
