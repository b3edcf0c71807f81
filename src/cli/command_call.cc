// invoke, json and markdown: one call through the daemon, its answer in three forms.
#include <optional>
#include <string>

#include "base/text.h"
#include "base/version.h"
#include "cli/call_exchange.h"
#include "cli/call_request.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/markdown.h"
#include "cli/raw_output.h"
#include "json/parse.h"
#include "json/write.h"
#include "protocol/frame.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

using json::Value;

constexpr std::size_t kMaxDocument = std::size_t{64} << 20U;
constexpr std::size_t kMaxValues = 10'000'000;
constexpr json::Limits kDocumentLimits{.bytes = kMaxDocument,
                                       .depth = 512,
                                       .keys = kMaxValues,
                                       .values = kMaxValues,
                                       .duplicates = json::Duplicates::kept};

// Gathers an answer that is needed as a whole.
class WholeAnswer final : public AnswerSink {
 public:
  Result<void> take_head(const http::ResponseHead& /*head*/) override { return {}; }
  Result<void> take(std::string_view bytes) override {
    if (body_.size() + bytes.size() > kMaxDocument) {
      return invalid_request("",
                             "upstream response body is larger than 64 MiB; use aivault invoke");
    }
    body_ += bytes;
    return {};
  }
  const std::string& body() const { return body_; }

 private:
  std::string body_;
};

class StderrNotices final : public CallNotices {
 public:
  explicit StderrNotices(Session& session) : session_(session) {}
  void waits_for_approval(const std::string& id) override {
    session_.notice("waiting for operator approval (ID " + quote_for_message(id) + ")");
  }

 private:
  Session& session_;
};

Result<void> check_development_variables(const Session& session) {
  const auto names = session.environment().development_variables();
  if (kHonoursDevelopmentVariables || names.empty()) return {};
  return invalid_request("", names.front() + " is disabled in release builds");
}

Result<CallRequest> compose(const CallFlags& flags) {
  TRY(check_call_flags(flags));
  if (flags.request) return request_from_payload(flags, *flags.request);
  if (flags.request_file) {
    TRY_ASSIGN(const auto payload, read_payload(*flags.request_file));
    TRY_ASSIGN(auto request, request_from_payload(flags, payload.text));
    if (payload.is_trusted || request.files.empty()) return request;
    return invalid_request("",
                           "'" + quote_for_message(*flags.request_file) +
                               "' can be written by others: files that it names are not sent; name "
                               "them with --body-file-path or --multipart-file");
  }
  return request_from_flags(flags);
}

Result<http::Headers> control_headers(const Session& session, const CallFlags& flags) {
  http::Headers headers{{std::string(protocol::kComplete), "1"},
                        {std::string(protocol::kInterim), "1"}};
  const auto add = [&headers](std::string_view name,
                              std::string_view what,
                              const std::optional<std::string>& value) -> Result<void> {
    if (!value) return {};
    if (has_control(*value)) return invalid_request("", "invalid " + std::string(what));
    headers.push_back({std::string(name), *value});
    return {};
  };
  TRY(add(protocol::kWorkspace, "--workspace-id", flags.context.workspace));
  TRY(add(protocol::kGroup, "--group-id", flags.context.group));
  TRY(add(protocol::kClientIp, "--client-ip", not_blank(flags.client_ip)));
  TRY(add(protocol::kToken, "AIVAULT_TOKEN", session.environment().text("AIVAULT_TOKEN")));
  if (flags.timeout_ms) {
    headers.push_back({std::string(protocol::kTimeoutMs), std::to_string(*flags.timeout_ms)});
  }
  return headers;
}

// Everything from the flags to the last byte of the answer.
Result<http::ResponseHead> call(Session& session, const CallFlags& flags, AnswerSink& sink) {
  TRY(check_development_variables(session));
  TRY_ASSIGN(auto request, compose(flags));
  TRY(check_client_ip(flags));
  TRY_ASSIGN(auto files, open_files(request));
  CallHead head;
  std::string beginning = json::compact(request.envelope);
  head.content_type = std::string(protocol::kJsonType);
  if (!files.empty()) {
    head.content_type = std::string(protocol::kEnvelopeType);
    TRY_ASSIGN(beginning, protocol::encode_frame(beginning));
  }
  BodyInput body(std::move(beginning), std::move(files));
  head.content_length = body.size();
  TRY_ASSIGN(head.control, control_headers(session, flags));
  TRY_ASSIGN(auto daemon, reach_for_call(session, to_wire(head), request.first_reason));
  StderrNotices notices(session);
  auto answer = exchange_call(daemon, body, sink, &notices);
  daemon.reached.finish();
  return answer;
}

int exit_status(Session& session, const CallFlags& flags, const http::ResponseHead& head) {
  if (!flags.fail || head.status < 400) return kSuccess;
  session.notice("upstream returned HTTP " + std::to_string(head.status));
  return kUpstreamFailed;
}

// A body that cannot be shown; --fail reports the status of the answer all the same.
Result<int> not_shown(Session& session,
                      const CallFlags& flags,
                      const http::ResponseHead& head,
                      std::string_view why) {
  if (!flags.fail || head.status < 400) return invalid_request("", std::string(why));
  session.notice(why);
  return exit_status(session, flags, head);
}

std::string header(const http::ResponseHead& head, std::string_view name) {
  const auto* value = http::find(head.headers, name);
  return value == nullptr ? std::string() : *value;
}

}  // namespace

Result<int> run_invoke(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto flags, call_flags(arguments, Form::raw));
  RawOutput output(session,
                   flags.stream ? RawOutput::Hold::nothing : RawOutput::Hold::beginning,
                   flags.include ? RawOutput::Head::shown : RawOutput::Head::hidden);
  TRY_ASSIGN(const auto head, call(session, flags, output));
  output.finish();
  return exit_status(session, flags, head);
}

Result<int> run_json(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto flags, call_flags(arguments, Form::json));
  WholeAnswer answer;
  TRY_ASSIGN(const auto head, call(session, flags, answer));
  Value document;
  if (!answer.body().empty()) {
    auto parsed = json::parse(answer.body(), kDocumentLimits);
    if (!parsed) {
      return not_shown(
          session,
          flags,
          head,
          "upstream response body is not valid JSON; `aivault invoke` prints it as it is");
    }
    document = *std::move(parsed);
  }
  auto response = Value::object();
  if (flags.include) {
    auto list = Value::array();
    for (const auto& shown : shown_headers(head)) {
      list.push(Value::object({{"name", shown.name}, {"value", text_of_header(shown.value)}}));
    }
    response.set("headers", std::move(list));
  }
  response.set("json", std::move(document)).set("status", head.status);
  session.print_json(
      Value::object({{"planned",
                      Value::object({{"capability", header(head, protocol::kCapability)},
                                     {"credential", header(head, protocol::kCredential)},
                                     {"method", header(head, protocol::kMethod)},
                                     {"url", header(head, protocol::kUrl)}})},
                     {"response", std::move(response)}}));
  return exit_status(session, flags, head);
}

Result<int> run_markdown(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto flags, call_flags(arguments, Form::markdown));
  WholeAnswer answer;
  TRY_ASSIGN(const auto head, call(session, flags, answer));
  Value document;
  if (!answer.body().empty()) {
    auto parsed = json::parse(answer.body(), kDocumentLimits);
    if (!parsed && !is_valid_utf8(answer.body())) {
      return not_shown(session, flags, head, "upstream response body is not utf8 or json");
    }
    document = parsed ? *std::move(parsed) : Value(answer.body());
  }
  const MarkdownOptions options{.name_space = arguments.text_or("namespace", ""),
                                .excluded_keys = arguments.list("exclude-field"),
                                .wrapped_keys = arguments.list("wrap-field")};
  session.print(session.style().plain(to_markdown(document, options)));
  return exit_status(session, flags, head);
}

}  // namespace aivault::cli
