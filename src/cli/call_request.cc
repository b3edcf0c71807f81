#include "cli/call_request.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/encoding.h"
#include "base/text.h"
#include "json/parse.h"

namespace aivault::cli {
namespace {

using json::Kind;
using json::Value;

auto refuse(std::string message) { return invalid_request("", std::move(message)); }
bool is_blank(const std::optional<std::string>& text) { return text && trim(*text).empty(); }

auto bad_payload(const std::string& why) { return refuse("invalid request payload JSON: " + why); }

// A text goes into the envelope as text, other bytes as Base64.
void set_body(Value& request, const std::string& body) {
  if (is_valid_utf8(body)) {
    request.set("body", body);
  } else {
    request.set("bodyB64", base64(bytes_of(body)));
  }
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// A file of the form, its path put aside.
Value multipart_file(std::string_view field, const std::string& path) {
  auto file = Value::object({{"field", field}});
  if (path != FileReference::kStdin) file.set("filename", base_name(path));
  return file;
}

std::optional<std::string> reason_to_complete(const std::string& capability,
                                              const json::Value& request) {
  const bool no_method = request.find("method") == nullptr;
  const bool no_path = request.find("path") == nullptr;
  if (no_method && no_path) {
    return "capability '" + capability +
           "' is not available locally; pass --method/--path or use --request/--request-file";
  }
  if (no_method) return "--method is required (capability policy not available locally)";
  if (no_path) return "--path is required (capability policy not available locally)";
  return std::nullopt;
}

Result<void> check_stdin_once(const std::vector<FileReference>& files, bool payload_is_stdin) {
  auto uses = std::ranges::count(files, FileReference::kStdin, &FileReference::path);
  if (payload_is_stdin) ++uses;
  if (uses > 1) return refuse("stdin can be named only once");
  return {};
}

Result<void> only_keys(const Value& object,
                       std::string_view what,
                       std::initializer_list<std::string_view> known) {
  if (!object.is(Kind::object)) return bad_payload(std::string(what) + " must be an object");
  for (const auto& member : object.members()) {
    if (std::ranges::find(known, std::string_view(member.key)) == known.end()) {
      return bad_payload("unknown key '" + quote_for_message(member.key) + "'");
    }
  }
  return {};
}

// nullptr: absent or null.
Result<const Value*> of_kind(const Value& object, std::string_view key, Kind kind) {
  const auto* value = object.find(key);
  if (value == nullptr || value->is(Kind::null)) return nullptr;
  if (!value->is(kind)) return bad_payload("'" + std::string(key) + "' has the wrong type");
  return value;
}

// The two lists know no null.
Result<const Value*> list_of(const Value& object, std::string_view key) {
  const auto* value = object.find(key);
  if (value != nullptr && !value->is(Kind::array)) {
    return bad_payload("'" + std::string(key) + "' must be a list");
  }
  return value;
}

Result<void> check_headers(const Value& headers) {
  for (const auto& header : headers.items()) {
    TRY(only_keys(header, "a header", {"name", "value"}));
    for (const auto key : {"name", "value"}) {
      TRY_ASSIGN(const auto* text, of_kind(header, key, Kind::string));
      if (text == nullptr) return bad_payload("a header needs '" + std::string(key) + "'");
    }
  }
  return {};
}

Result<void> check_fields(const Value& fields) {
  for (const auto& member : fields.members()) {
    if (!member.value.is(Kind::string)) return bad_payload("a multipart field must be a text");
  }
  return {};
}

Result<void> take_files(const Value& list, Value& request, std::vector<FileReference>& files) {
  auto rewritten = Value::array();
  for (const auto& item : list.items()) {
    TRY(only_keys(item, "a multipart file", {"field", "path"}));
    TRY_ASSIGN(const auto* field, of_kind(item, "field", Kind::string));
    TRY_ASSIGN(const auto* path, of_kind(item, "path", Kind::string));
    if (field == nullptr || path == nullptr) {
      return bad_payload("a multipart file needs 'field' and 'path'");
    }
    const std::string name(path->text());
    files.push_back({FileReference::Role::multipart, name, rewritten.items().size()});
    rewritten.push(multipart_file(field->text(), name));
  }
  request.set("multipartFiles", std::move(rewritten));
  return {};
}

// The bare request: checked, nulls left out, files put aside.
Result<Value> take_request(const Value& source, std::vector<FileReference>& files) {
  TRY(only_keys(source,
                "the request",
                {"method",
                 "path",
                 "headers",
                 "body",
                 "bodyB64",
                 "multipart",
                 "multipartFiles",
                 "bodyFilePath",
                 "url"}));
  auto request = Value::object();
  for (const auto key : {"method", "path", "body", "bodyB64"}) {
    TRY_ASSIGN(const auto* text, of_kind(source, key, Kind::string));
    if (text != nullptr) request.set(key, *text);
  }
  if (const auto* url = source.find("url"); url != nullptr && !url->is(Kind::null)) {
    request.set("url", *url);  // For the daemon to refuse.
  }
  TRY_ASSIGN(const auto* headers, list_of(source, "headers"));
  if (headers != nullptr) {
    TRY(check_headers(*headers));
    request.set("headers", *headers);
  }
  TRY_ASSIGN(const auto* fields, of_kind(source, "multipart", Kind::object));
  if (fields != nullptr) {
    TRY(check_fields(*fields));
    request.set("multipart", *fields);
  }
  TRY_ASSIGN(const auto* body_file, of_kind(source, "bodyFilePath", Kind::string));
  if (body_file != nullptr) {
    files.push_back({FileReference::Role::body, std::string(body_file->text()), 0});
  }
  TRY_ASSIGN(const auto* multipart_files, list_of(source, "multipartFiles"));
  if (multipart_files != nullptr) TRY(take_files(*multipart_files, request, files));
  return request;
}

Result<Value> envelope_around(const CallFlags& flags,
                              std::optional<std::string> credential,
                              Value request) {
  auto envelope = Value::object({{"capability", trim(flags.capability)}});
  if (credential) envelope.set("credential", *credential);
  envelope.set("request", std::move(request));
  return envelope;
}

Result<std::vector<KeyValue>> multipart_fields(const CallFlags& flags) {
  TRY_ASSIGN(auto fields, parse_key_values("multipart-field", flags.multipart_fields));
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    if (std::count_if(fields.begin(), field, [&](const auto& f) { return f.key == field->key; })) {
      return refuse("duplicate multipart field '" + field->key + "'");
    }
  }
  return fields;
}

}  // namespace

bool CallFlags::is_manual() const {
  return method || path || body || body_file_path || !headers.empty() ||
         !multipart_fields.empty() || !multipart_files.empty();
}

Result<CallFlags> call_flags(const Arguments& arguments, Form form) {
  CallFlags flags;
  flags.form = form;
  flags.capability = arguments.positional();
  flags.request = arguments.text("request");
  flags.request_file = arguments.text("request-file");
  flags.method = arguments.text("method");
  flags.path = arguments.text("path");
  flags.body = arguments.text("body");
  flags.body_file_path = arguments.text("body-file-path");
  flags.headers = arguments.list("header");
  flags.multipart_fields = arguments.list("multipart-field");
  flags.multipart_files = arguments.list("multipart-file");
  flags.credential = arguments.text("credential");
  flags.client_ip = arguments.text("client-ip");
  flags.timeout_ms = arguments.number("timeout-ms");
  flags.stream = arguments.has("stream");
  flags.include = arguments.has("include");
  flags.fail = arguments.has("fail");
  if (flags.stream && form != Form::raw) return refuse("--stream is only supported with raw");
  if (flags.include && form == Form::markdown) {
    return refuse("--include is only supported with invoke and json");
  }
  TRY_ASSIGN(flags.context, parse_context(arguments));
  return flags;
}

Result<void> check_call_flags(const CallFlags& flags) {
  if (trim(flags.capability).empty()) return refuse("capability id required");
  if (flags.request && flags.request_file) {
    return refuse("provide only one of --request or --request-file");
  }
  if ((flags.request || flags.request_file) && flags.is_manual()) {
    return refuse("do not mix --request/--request-file with manual request flags");
  }
  return {};
}

Result<CallRequest> request_from_payload(const CallFlags& flags, std::string_view payload) {
  constexpr std::size_t kMaxValues = 1'000'000;
  constexpr json::Limits kLimits{
      .bytes = std::size_t{32} << 20U, .depth = 32, .keys = kMaxValues, .values = kMaxValues};
  const auto parsed = json::parse(payload, kLimits);
  if (!parsed) return bad_payload(parsed.error().message);
  if (!parsed->is(Kind::object)) return bad_payload("it must be an object");
  CallRequest call;
  std::optional<std::string> credential;
  Value request;
  if (parsed->find("capability") != nullptr || parsed->find("request") != nullptr) {
    TRY(only_keys(*parsed, "the envelope", {"capability", "credential", "request"}));
    TRY_ASSIGN(const auto* capability, of_kind(*parsed, "capability", Kind::string));
    if (capability != nullptr && !trim(capability->text()).empty() &&
        trim(capability->text()) != trim(flags.capability)) {
      return refuse("payload capability '" + std::string(capability->text()) +
                    "' does not match command capability '" + std::string(trim(flags.capability)) +
                    "'");
    }
    TRY_ASSIGN(const auto* inner, of_kind(*parsed, "request", Kind::object));
    if (inner == nullptr) return bad_payload("an envelope needs 'request'");
    TRY_ASSIGN(const auto* named, of_kind(*parsed, "credential", Kind::string));
    if (named != nullptr) credential = not_blank(std::string(named->text()));
    TRY_ASSIGN(request, take_request(*inner, call.files));
  } else {
    TRY_ASSIGN(request, take_request(*parsed, call.files));
  }
  if (is_blank(flags.credential)) return refuse("--credential cannot be empty");
  if (credential && flags.credential) {
    return refuse("credential provided in both payload and --credential");
  }
  if (flags.credential) credential = not_blank(flags.credential);
  TRY(check_stdin_once(call.files, flags.request_file == FileReference::kStdin));
  call.first_reason = reason_to_complete(std::string(trim(flags.capability)), request);
  TRY_ASSIGN(call.envelope, envelope_around(flags, std::move(credential), std::move(request)));
  return call;
}

Result<CallRequest> request_from_flags(const CallFlags& flags) {
  if (is_blank(flags.method)) return refuse("--method cannot be empty");
  if (is_blank(flags.path)) return refuse("--path cannot be empty");
  auto request = Value::object();
  if (flags.method) request.set("method", *flags.method);
  if (flags.path) request.set("path", *flags.path);
  auto headers = Value::array();
  for (const auto& raw : flags.headers) {
    TRY_ASSIGN(const auto header, parse_header("header", raw));
    headers.push(Value::object({{"name", header.key}, {"value", header.value}}));
  }
  if (!headers.items().empty()) request.set("headers", std::move(headers));

  TRY_ASSIGN(const auto fields, multipart_fields(flags));
  TRY_ASSIGN(const auto files, parse_key_values("multipart-file", flags.multipart_files));
  const bool is_multipart = !fields.empty() || !files.empty();
  if (int{flags.body.has_value()} + int{flags.body_file_path.has_value()} + int{is_multipart} > 1) {
    return refuse("only one of --body, --body-file-path, or multipart flags is allowed");
  }
  CallRequest call;
  if (flags.body) set_body(request, *flags.body);
  if (flags.body_file_path) {
    call.files.push_back({FileReference::Role::body, *flags.body_file_path, 0});
  }
  if (!fields.empty()) {
    auto object = Value::object();
    for (const auto& field : fields) object.set(field.key, field.value);
    request.set("multipart", std::move(object));
  }
  if (!files.empty()) {
    auto list = Value::array();
    for (const auto& file : files) {
      call.files.push_back({FileReference::Role::multipart, file.value, list.items().size()});
      list.push(multipart_file(file.key, file.value));
    }
    request.set("multipartFiles", std::move(list));
  }
  TRY(check_stdin_once(call.files, false));
  call.first_reason = reason_to_complete(std::string(trim(flags.capability)), request);
  TRY_ASSIGN(call.envelope,
             envelope_around(flags, not_blank(flags.credential), std::move(request)));
  return call;
}

Result<void> check_client_ip(const CallFlags& flags) {
  if (!flags.client_ip) return {};
  const std::string text(trim(*flags.client_ip));
  std::array<unsigned char, 16> address{};
  bool is_loopback = false;
  if (inet_pton(AF_INET, text.c_str(), address.data()) == 1) {
    is_loopback = address[0] == 127;
  } else if (inet_pton(AF_INET6, text.c_str(), address.data()) == 1) {
    constexpr std::array<unsigned char, 16> kLoopback{
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    is_loopback = address == kLoopback;
  } else {
    return refuse("invalid --client-ip");
  }
  if (!is_loopback) return refuse("non-loopback clients are rejected by default");
  return {};
}

void announce(CallRequest& call, const FileReference& file, std::optional<std::uint64_t> size) {
  auto request = *call.envelope.find("request");
  if (file.role == FileReference::Role::body) {
    auto stream = Value::object();
    if (size) stream.set("size", static_cast<std::int64_t>(*size));
    request.set("bodyStream", std::move(stream));
  } else {
    auto list = Value::array();
    for (std::size_t i = 0; i < request.find("multipartFiles")->items().size(); ++i) {
      auto item = request.find("multipartFiles")->items()[i];
      if (i == file.index) item.set("size", static_cast<std::int64_t>(size.value_or(0)));
      list.push(std::move(item));
    }
    request.set("multipartFiles", std::move(list));
  }
  call.envelope.set("request", std::move(request));
}

}  // namespace aivault::cli
