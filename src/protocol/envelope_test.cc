#include "protocol/envelope.h"

#include <gtest/gtest.h>

#include "protocol/error_body.h"

namespace aivault::protocol {
namespace {

std::string with_request(std::string_view request) {
  return R"({"capability":"a/b","request":)" + std::string(request) + "}";
}

Error refusal(std::string_view text, Completion completion = Completion::refuse_missing) {
  const auto parsed = parse_envelope(text, completion);
  EXPECT_FALSE(parsed) << text;
  return parsed ? Error{} : parsed.error();
}

struct Refused {
  std::string json;
  ErrorCode code;
  std::string reason;
  std::string marker;
};

class RefusesEnvelope : public testing::TestWithParam<Refused> {};

// Cases 1-4, 6-11, 14, 17.
TEST_P(RefusesEnvelope, WithTheReasonOfTheFirstFailingRow) {
  const auto error = refusal(GetParam().json);
  EXPECT_EQ(error.code, GetParam().code) << error.message;
  EXPECT_EQ(error.reason, GetParam().reason);
  EXPECT_NE(error.message.find(GetParam().marker), std::string::npos) << error.message;
}

Refused shape(std::string json) {
  return {std::move(json), ErrorCode::invalid_request, "envelope_json", "invalid envelope JSON"};
}
Refused request_shape(std::string_view request) { return shape(with_request(request)); }

std::string deep(std::size_t levels) {
  return with_request(R"({"method":"GET","path":"/","url":)" + std::string(levels, '[') +
                      std::string(levels, ']') + "}");
}

std::string many_headers(int count) {
  std::string list;
  for (int i = 0; i < count; ++i) {
    list += std::string(i == 0 ? "" : ",") + R"({"name":"h","value":"v"})";
  }
  return with_request(R"({"method":"GET","path":"/","headers":[)" + list + "]}");
}

INSTANTIATE_TEST_SUITE_P(
    Shape,
    RefusesEnvelope,
    testing::Values(
        // Conformance case 1: missing keys.
        shape(R"({"request":{"method":"GET","path":"/"}})"),
        shape(R"({"capability":"a/b"})"),
        request_shape(R"({"path":"/"})"),
        request_shape(R"({"method":"GET"})"),
        // 2: unknown keys; 3: snake case.
        shape(R"({"capability":"a/b","x":1,"request":{"method":"GET","path":"/"}})"),
        request_shape(R"({"method":"GET","path":"/","x":1})"),
        request_shape(R"({"method":"GET","path":"/","headers":[{"name":"a","value":"b","x":1}]})"),
        request_shape(
            R"({"method":"GET","path":"/","multipartFiles":[{"field":"f","size":1,"x":1}]})"),
        request_shape(R"({"method":"GET","path":"/","body_file_path":"/etc/shadow"})"),
        // 4: null lists.
        request_shape(R"({"method":"GET","path":"/","headers":null})"),
        request_shape(R"({"method":"GET","path":"/","multipartFiles":null})"),
        // 6: wrong types.
        request_shape(R"({"method":"GET","path":"/","body":{"a":1}})"),
        request_shape(R"({"method":"GET","path":"/","multipart":{"n":5}})"),
        request_shape(R"({"method":"GET","path":"/","bodyB64":"YQ"})"),
        request_shape(R"({"method":"GET","path":"/","bodyB64":"YR=="})"),
        request_shape(R"({"method":"GET","path":"/","bodyStream":{"size":-1}})"),
        request_shape(R"({"method":"GET","path":"/","bodyStream":{"size":1.5}})"),
        request_shape(R"({"method":1,"path":"/"})"),
        request_shape(R"({"method":"GET","path":"/","multipartFiles":[{"field":"f"}]})"),
        // 7: broken JSON and duplicates.
        shape(R"({"capability":"a/b","request":{"method":"GET","path":"/")"),
        shape(with_request(R"({"method":"GET","path":"/"})") + " x"),
        shape(with_request(R"({"method":"GET","path":"/"})") + "{}"),
        request_shape(R"({"method":"GET","path":"/","path":"/admin"})"),
        request_shape(R"({"method":"POST","path":"/","multipart":{"a":"1","a":"2"}})"),
        shape("\xEF\xBB\xBF{}"),
        request_shape("{\"method\":\"GET\",\"path\":\"/\xFF\"}"),
        request_shape(R"({"method":"GET","path":"/\ud800"})"),
        // 8: arrays in place of objects.
        shape("[]"),
        request_shape("[]"),
        request_shape(R"({"method":"GET","path":"/","headers":[["a","b"]]})"),
        // 17: depth and count.
        shape(deep(33)),
        shape(many_headers(101))));

INSTANTIATE_TEST_SUITE_P(
    Fields,
    RefusesEnvelope,
    testing::Values(
        Refused{R"({"capability":"  ","request":{"method":"","path":" "}})",
                ErrorCode::invalid_request,
                "field_required",
                "capability is required"},
        Refused{with_request(R"({"method":"","path":" "})"),
                ErrorCode::invalid_request,
                "field_required",
                "request.method is required"},
        Refused{with_request(R"({"method":"GET","path":"   "})"),
                ErrorCode::invalid_request,
                "field_required",
                "request.path is required"},
        Refused{with_request(R"({"method":"GET","path":"/","url":"https://evil.com"})"),
                ErrorCode::policy_violation,
                "url_not_allowed",
                "request.url is not allowed"},
        Refused{with_request(R"({"method":"POST","path":"/","body":"x","multipart":{}})"),
                ErrorCode::policy_violation,
                "body_mode",
                "only one request body mode"},
        Refused{with_request(R"({"method":"POST","path":"/","body":"x","bodyFilePath":"/a"})"),
                ErrorCode::policy_violation,
                "body_mode",
                "only one request body mode"},
        Refused{
            with_request(
                R"({"method":"POST","path":"/","multipartFiles":[{"field":"f","size":1}],"bodyFilePath":"/a"})"),
            ErrorCode::policy_violation,
            "body_mode",
            "only one request body mode"},
        Refused{with_request(R"({"method":"POST","path":"/","bodyFilePath":"/etc/shadow"})"),
                ErrorCode::invalid_request,
                "file_path_refused",
                "file paths are not accepted"},
        Refused{with_request(
                    R"({"method":"POST","path":"/","multipartFiles":[{"field":"f","path":"/a"}]})"),
                ErrorCode::invalid_request,
                "file_path_refused",
                "file paths are not accepted"}));

// Case 5.
TEST(Envelope, AcceptsNullWhereTheSchemaShowsIt) {
  const auto envelope = parse_envelope(
      R"({"capability":"a/b","credential":null,"request":{"method":"GET","path":"/","body":null,
          "multipart":null,"bodyFilePath":null,"url":null,"bodyB64":null,"bodyStream":null}})",
      Completion::refuse_missing);
  ASSERT_TRUE(envelope) << envelope.error().message;
  EXPECT_FALSE(envelope->credential);
  EXPECT_TRUE(std::holds_alternative<NoBody>(envelope->body));
  EXPECT_EQ(envelope->announced_bytes(), 0U);
}

// Case 54.
TEST(Envelope, TreatsABlankCredentialAsAbsent) {
  const auto envelope = parse_envelope(
      R"({"capability":"a/b","credential":"  ","request":{"method":"GET","path":"/"}})",
      Completion::refuse_missing);
  ASSERT_TRUE(envelope);
  EXPECT_FALSE(envelope->credential);
}

TEST(Envelope, AcceptsDepth32And100Headers) {
  EXPECT_TRUE(parse_envelope(many_headers(100), Completion::refuse_missing));
  // Two levels belong to the envelope itself; url then refuses by policy, not by shape.
  EXPECT_EQ(refusal(deep(30)).reason, "url_not_allowed");
}

TEST(Envelope, LeavesMissingMethodAndPathToTheDaemonWhenAsked) {
  const auto envelope = parse_envelope(with_request("{}"), Completion::allow_missing);
  ASSERT_TRUE(envelope);
  EXPECT_FALSE(envelope->method);
  EXPECT_FALSE(envelope->path);
}

TEST(Envelope, CountsAnnouncedBytes) {
  const auto files = parse_envelope(
      with_request(
          R"({"method":"POST","path":"/","multipart":{"a":"b"},"multipartFiles":[{"field":"f","size":3},{"field":"g","dataB64":"YQ=="},{"field":"h","size":4}]})"),
      Completion::refuse_missing);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(files->announced_bytes(), 7U);
  EXPECT_EQ(std::get<Multipart>(files->body).files[1].data, "a");
  const auto stream = parse_envelope(
      with_request(R"({"method":"POST","path":"/","bodyStream":{}})"), Completion::refuse_missing);
  ASSERT_TRUE(stream);
  EXPECT_FALSE(stream->announced_bytes());
}

// Case 13.
TEST(Envelope, EmptyFileListBesideABodyIsNoSecondMode) {
  const auto envelope =
      parse_envelope(with_request(R"({"method":"POST","path":"/","body":"x","multipartFiles":[]})"),
                     Completion::refuse_missing);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(std::get<std::string>(envelope->body), "x");
}

TEST(ErrorBody, TravelsThereAndBack) {
  const Error error{ErrorCode::policy_violation, "path_traversal", "path traversal is \"not\"", 0};
  EXPECT_EQ(
      to_json(error),
      R"({"error":"policy_violation","message":"path traversal is \"not\"","reason":"path_traversal"})");
  const auto back = error_from_json(to_json(error));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_text(*back), "PolicyViolation: path traversal is \"not\"");
  EXPECT_FALSE(error_from_json("[]"));
  EXPECT_FALSE(error_from_json(R"({"error":"nonsense","message":"m"})"));
}

// Case 225.
TEST(ErrorBody, HasTheStatusOfTheTable) {
  const auto status = [](ErrorCode code, std::string reason) {
    return http_status(Error{code, std::move(reason), "", 0});
  };
  EXPECT_EQ(status(ErrorCode::invalid_request, "envelope_json"), 400);
  EXPECT_EQ(status(ErrorCode::invalid_request, "content_type"), 415);
  EXPECT_EQ(status(ErrorCode::invalid_request, "exists"), 409);
  EXPECT_EQ(status(ErrorCode::invalid_request, "not_found"), 404);
  EXPECT_EQ(status(ErrorCode::token_invalid, "token_unknown"), 401);
  EXPECT_EQ(status(ErrorCode::operator_auth_required, ""), 403);
  EXPECT_EQ(status(ErrorCode::capability_not_found, ""), 404);
  EXPECT_EQ(status(ErrorCode::credential_ambiguous, ""), 409);
  EXPECT_EQ(status(ErrorCode::policy_violation, "body_too_large"), 413);
  EXPECT_EQ(status(ErrorCode::policy_violation, "concurrency_limit"), 429);
  EXPECT_EQ(status(ErrorCode::policy_violation, "response_too_large"), 502);
  EXPECT_EQ(status(ErrorCode::policy_violation, "method_not_allowed"), 403);
  EXPECT_EQ(status(ErrorCode::upstream_unreachable, "timeout_total"), 504);
  EXPECT_EQ(status(ErrorCode::upstream_unreachable, "tls"), 502);
  EXPECT_EQ(status(ErrorCode::vault_unavailable, "internal"), 500);
  EXPECT_EQ(status(ErrorCode::vault_unavailable, "vault_locked"), 503);
}

}  // namespace
}  // namespace aivault::protocol
