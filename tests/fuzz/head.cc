// Heads of requests and answers, and what of a caller's headers goes on: one reading, written and
// read again.
#include "http/head.h"

#include "base/text.h"
#include "fuzz.h"
#include "policy/caller_headers.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

namespace {

std::string written(std::string first_line, const http::Headers& headers) {
  std::string text = std::move(first_line) + "\r\n";
  for (const auto& header : headers) text += header.name + ": " + header.value + "\r\n";
  return text + "\r\n";
}

void must_be_strict(const http::Headers& headers) {
  for (const auto& header : headers) {
    MUST(http::is_token(header.name) && header.name == to_lower(header.name));
    for (const char c : header.value) MUST(c != '\r' && c != '\n' && c != '\0');
  }
}

// Of what the caller asked for, what we can undo.
void must_be_codings(std::string_view value) {
  for (const auto item : split(value, ',')) {
    const auto coding = trim(item);
    MUST(coding == "gzip" || coding == "deflate" || coding == "br" || coding == "zstd");
  }
}

void must_keep_what_is_harmless(const http::Headers& headers) {
  policy::CredentialPolicy credential;
  credential.auth = registry::HeaderAuth{"x-thing-key", "{{secret}}"};
  const auto kept = policy::keep_caller_headers(headers, credential, policy::RangePolicy::drop);
  if (!kept) {
    fuzz::must_be_presentable(kept.error());
    return;
  }
  for (std::size_t i = 0; i < kept->size(); ++i) {
    const auto& header = (*kept)[i];
    MUST(http::is_token(header.name) && http::is_field_value(header.value));
    if (header.name == "accept-encoding") must_be_codings(header.value);
    for (std::size_t j = 0; j < i; ++j) MUST((*kept)[j].name != header.name);
    for (const std::string_view name : {"authorization",
                                        "cookie",
                                        "x-api-key",
                                        "x-thing-key",
                                        "host",
                                        "connection",
                                        "content-length",
                                        "transfer-encoding",
                                        "upgrade",
                                        "te",
                                        "expect",
                                        "range",
                                        "proxy-authorization",
                                        "x-http-method-override"}) {
      MUST(header.name != name);
    }
    MUST(!header.name.starts_with("x-forwarded-") && !header.name.starts_with("x-aivault-"));
  }
  const auto again = policy::keep_caller_headers(*kept, credential, policy::RangePolicy::drop);
  MUST(again && *again == *kept);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto whole = http::head_size(text);
  MUST(whole <= size);
  for (std::size_t cut = 0; cut < whole && cut < 200; cut += 7) {
    MUST(http::head_size(
             text, std::min(cut, http::head_size(text.substr(0, cut)) == 0 ? cut : 0)) == whole);
  }
  const auto head = whole == 0 ? text : text.substr(0, whole);
  if (const auto request = http::parse_request_head(head)) {
    MUST(whole == head.size());
    must_be_strict(request->headers);
    MUST(fuzz::is_visible(request->target) && request->target.starts_with('/') &&
         http::is_token(request->method));
    MUST(request->headers.size() <= http::kMaxHeaders);
    const auto again = http::parse_request_head(
        written(request->method + " " + request->target + " HTTP/1.1", request->headers));
    MUST(again && again->headers == request->headers && again->framing == request->framing);
    MUST(again->content_length == request->content_length &&
         again->wants_close == request->wants_close);
    must_keep_what_is_harmless(request->headers);
  } else {
    MUST(request.error().status >= 400 && request.error().status < 600);
    fuzz::must_be_presentable(request.error());
  }
  if (const auto answer = http::parse_response_head(head)) {
    must_be_strict(answer->headers);
    MUST(answer->status >= 100 && answer->status <= 599);
    const auto again = http::parse_response_head(written(
        "HTTP/1.1 " + std::to_string(answer->status) + " " + answer->reason, answer->headers));
    MUST(again && again->headers == answer->headers && again->framing == answer->framing);
  }
  return 0;
}
