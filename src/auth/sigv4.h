// sigv4: AWS Signature Version 4 of one request. Pure.
// Thread: any. Source:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// Errors: vault_unavailable secret_malformed, invalid_request body_not_signable.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/fields.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "http/message.h"
#include "http/target.h"
#include "registry/auth_spec.h"

namespace aivault::auth {

struct AwsMaterial {
  Fields fields;
  std::string_view id, secret, session_token, region;  // Views into the fields; may be empty.
};
Result<AwsMaterial> aws_material(std::string_view secret);

// Does the payload rule of S3 hold: signed where it is at hand, else UNSIGNED-PAYLOAD?
bool is_s3(const registry::AwsSigV4Auth& auth);

// "eu-west-1" of "s3.eu-west-1.amazonaws.com".
std::string aws_region(const registry::AwsSigV4Auth& auth,
                       std::string_view host,
                       std::string_view region_of_secret);

// Every segment, name and value decoded once and encoded again: what goes on the wire.
std::string aws_path(std::string_view path);
std::vector<std::pair<std::string, std::string>> aws_query(
    const std::vector<http::QueryPiece>& query);

struct AwsRequest {
  std::string_view method;
  std::string host;  // With an explicit port.
  std::string path;  // In the normal form, as is the query.
  std::vector<std::pair<std::string, std::string>> query;
  const http::Headers& headers;  // Those that the caller and the defaults give.
  std::optional<std::string_view> body;
};

struct AwsSignature {
  std::string date;            // x-amz-date
  std::string content_sha256;  // x-amz-content-sha256; empty: not sent.
  std::string authorization;
};
Result<AwsSignature> sign_aws(const registry::AwsSigV4Auth& auth,
                              const AwsMaterial& material,
                              const AwsRequest& request,
                              UnixMs now);

}  // namespace aivault::auth
