#include "cli/call_request.h"

#include <gtest/gtest.h>

#include "cli/parser.h"
#include "json/write.h"

namespace aivault::cli {
namespace {

using Words = std::vector<std::string>;

// What the flags of `aivault invoke a/b` make: the envelope, or the message of the first check
// that fails. Files are not opened.
std::string outcome(Words flags, Form form = Form::raw, const std::string& id = "a/b") {
  Words words{form == Form::markdown ? "markdown" : "invoke", id};
  words.insert(words.end(), flags.begin(), flags.end());
  auto parsed = parse(words);
  if (!std::holds_alternative<Arguments>(parsed)) return "usage error";
  const auto given = call_flags(std::get<Arguments>(parsed), form);
  if (!given) return given.error().message;
  if (const auto checked = check_call_flags(*given); !checked) return checked.error().message;
  const auto request =
      given->request ? request_from_payload(*given, *given->request) : request_from_flags(*given);
  if (!request) return request.error().message;
  if (const auto checked = check_client_ip(*given); !checked) return checked.error().message;
  return json::compact(request->envelope);
}

struct Refused {
  Words flags;
  std::string message;
};

TEST(CallRequest, ChecksInTheDocumentedOrder) {
  const std::string mixed = "do not mix --request/--request-file with manual request flags";
  const std::string modes = "only one of --body, --body-file-path, or multipart flags is allowed";
  const std::vector<Refused> table{
      // 2 before 3.
      {{"--group-id", "g", "--request", "{}", "--method", "GET"},
       "--workspace-id is required when --group-id is provided"},
      // 3.
      {{"--request", "{}", "--request-file", "f", "--method", "GET"},
       "provide only one of --request or --request-file"},
      {{"--request", "{", "--method", "GET"}, mixed},
      {{"--request", "{}", "--path", "/"}, mixed},
      {{"--request", "{}", "--header", "a=b"}, mixed},
      {{"--request", "{}", "--body", ""}, mixed},
      {{"--request", "{}", "--body-file-path", "f"}, mixed},
      {{"--request", "{}", "--multipart-field", "a=b"}, mixed},
      {{"--request", "{}", "--multipart-file", "a=b"}, mixed},
      // 5, each before the next.
      {{"--method", " ", "--path", " "}, "--method cannot be empty"},
      {{"--path", " ", "--header", "x"}, "--path cannot be empty"},
      {{"--header", "x", "--multipart-field", "y"}, "invalid --header 'x'; expected KEY=VALUE"},
      {{"--header", " =x"}, "invalid --header ' =x'; key cannot be empty"},
      {{"--multipart-field", "y"}, "invalid --multipart-field 'y'; expected KEY=VALUE"},
      {{"--multipart-field", "a=1", "--multipart-field", "a=2", "--body", "x"},
       "duplicate multipart field 'a'"},
      {{"--multipart-file", "=p"}, "invalid --multipart-file '=p'; key cannot be empty"},
      {{"--body", "x", "--body-file-path", "f"}, modes},
      {{"--body", "x", "--multipart-field", "a=1"}, modes},
      {{"--body-file-path", "f", "--multipart-file", "a=f"}, modes},
      {{"--multipart-file", "a=-", "--multipart-file", "b=-", "--client-ip", "x"},
       "stdin can be named only once"},
      // 6.
      {{"--client-ip", "x"}, "invalid --client-ip"},
      {{"--client-ip", "10.0.0.1"}, "non-loopback clients are rejected by default"},
      {{"--client-ip", "::2"}, "non-loopback clients are rejected by default"},
  };
  for (const auto& [flags, message] : table) EXPECT_EQ(outcome(flags), message);
  EXPECT_EQ(outcome({"--stream", "--group-id", "g"}, Form::json),
            "--stream is only supported with raw");
  EXPECT_EQ(outcome({"--include"}, Form::markdown),
            "--include is only supported with invoke and json");
  EXPECT_EQ(outcome({"--request", "{}", "--method", "GET"}, Form::raw, "  "),
            "capability id required");
}

TEST(CallRequest, RefusesPayloadsThatItDoesNotUnderstand) {
  for (const std::string payload : {
           "",
           "[]",
           "{",
           R"({"method":"GET","x":1})",
           R"({"method":"GET","method":"GET"})",
           R"({"method":1})",
           R"({"headers":null})",
           R"({"multipartFiles":null})",
           R"({"headers":[{"name":"a"}]})",
           R"({"headers":[{"name":"a","value":"b","x":1}]})",
           R"({"multipart":{"a":1}})",
           R"({"multipartFiles":[{"field":"a","path":"p","filename":"x"}]})",
           R"({"request":{},"x":1})",
           R"({"capability":"a/b"})",
           R"({"request":[]})",
       }) {
    const auto message = outcome({"--request=" + payload});
    EXPECT_TRUE(message.starts_with("invalid request payload JSON")) << payload << ": " << message;
  }
  EXPECT_NE(outcome({"--request", R"({"capability":"x/y","request":{}})"})
                .find("does not match command capability"),
            std::string::npos);
  EXPECT_EQ(outcome({"--request", R"({"credential":"c","request":{}})", "--credential", "d"}),
            "credential provided in both payload and --credential");
  EXPECT_EQ(outcome({"--request", R"({"request":{}})", "--credential", " "}),
            "--credential cannot be empty");
}

struct Composed {
  Words flags;
  std::string envelope;
};

TEST(CallRequest, ComposesTheEnvelope) {
  const std::vector<Composed> table{
      {{}, R"({"capability":"a/b","request":{}})"},
      {{"--method", "GET", "--path", "/x?y=1", "--credential", " c "},
       R"({"capability":"a/b","credential":"c","request":{"method":"GET","path":"/x?y=1"}})"},
      {{"--credential", " "}, R"({"capability":"a/b","request":{}})"},
      {{"--header", "A=b:c", "--header", "D: \t e=f ", "--header", "G:h"},
       R"({"capability":"a/b","request":{"headers":[{"name":"A","value":"b:c"},)"
       R"({"name":"D","value":"e=f "},{"name":"G","value":"h"}]}})"},
      {{"--body", ""}, R"({"capability":"a/b","request":{"body":""}})"},
      {{"--body", "\xFF"}, R"({"capability":"a/b","request":{"bodyB64":"/w=="}})"},
      {{"--multipart-field", "n= v=w", "--multipart-file", "f=d/x.pdf"},
       R"({"capability":"a/b","request":{"multipart":{"n":" v=w"},)"
       R"("multipartFiles":[{"field":"f","filename":"x.pdf"}]}})"},
      {{"--request", R"({"method":"GET","path":null,"body":null,"url":null})"},
       R"({"capability":"a/b","request":{"method":"GET"}})"},
      {{"--request", R"({"url":"http://x"})"},
       R"({"capability":"a/b","request":{"url":"http://x"}})"},
      {{"--request", R"({"capability":" ","credential":"c","request":{"method":"GET"}})"},
       R"({"capability":"a/b","credential":"c","request":{"method":"GET"}})"},
      {{"--request",
        R"({"multipart":{"a":"b"},"multipartFiles":[{"field":"f","path":"/p/q"}],"headers":[]})"},
       R"({"capability":"a/b","request":{"headers":[],"multipart":{"a":"b"},)"
       R"("multipartFiles":[{"field":"f","filename":"q"}]}})"},
      {{"--client-ip", "127.8.8.8"}, R"({"capability":"a/b","request":{}})"},
      {{"--client-ip", "::1"}, R"({"capability":"a/b","request":{}})"},
  };
  for (const auto& [flags, envelope] : table) EXPECT_EQ(outcome(flags), envelope);
}

TEST(CallRequest, AnnouncesTheFilesThatFollow) {
  CallFlags flags;
  flags.capability = "a/b";
  flags.multipart_files = {"f=/d/one", "g=/d/two"};
  auto form = request_from_flags(flags);
  ASSERT_TRUE(form);
  ASSERT_EQ(form->files.size(), 2U);
  announce(*form, form->files[0], 5);
  announce(*form, form->files[1], 7);
  EXPECT_EQ(
      json::compact(form->envelope),
      R"({"capability":"a/b","request":{"multipartFiles":[)"
      R"({"field":"f","filename":"one","size":5},{"field":"g","filename":"two","size":7}]}})");

  const auto payload = request_from_payload(flags, R"({"bodyFilePath":"-"})");
  flags.multipart_files.clear();
  auto stream = request_from_payload(flags, R"({"bodyFilePath":"-"})");
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->files[0].path, FileReference::kStdin);
  auto sized = *stream;
  announce(*stream, stream->files[0], std::nullopt);
  announce(sized, sized.files[0], 0);
  EXPECT_EQ(json::compact(stream->envelope), R"({"capability":"a/b","request":{"bodyStream":{}}})");
  EXPECT_EQ(json::compact(sized.envelope),
            R"({"capability":"a/b","request":{"bodyStream":{"size":0}}})");
}

TEST(CallRequest, KnowsWhyTheDaemonHasToCompleteIt) {
  const auto reason = [](std::optional<std::string> method, std::optional<std::string> path) {
    CallFlags flags;
    flags.capability = "a/b";
    flags.method = std::move(method);
    flags.path = std::move(path);
    return request_from_flags(flags)->first_reason;
  };
  EXPECT_EQ(reason("GET", "/"), std::nullopt);
  EXPECT_EQ(reason(std::nullopt, "/"),
            "--method is required (capability policy not available locally)");
  EXPECT_EQ(reason("GET", std::nullopt),
            "--path is required (capability policy not available locally)");
  EXPECT_EQ(reason(std::nullopt, std::nullopt),
            "capability 'a/b' is not available locally; pass --method/--path or use "
            "--request/--request-file");
}

}  // namespace
}  // namespace aivault::cli
