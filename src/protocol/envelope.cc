#include "protocol/envelope.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/text.h"
#include "json/parse.h"
#include "protocol/frame.h"

namespace aivault::protocol {
namespace {

using json::Kind;
using json::Value;

constexpr std::size_t kMaxHeaders = 100;
constexpr std::size_t kMaxHeaderBytes = std::size_t{64} << 10U;
constexpr std::size_t kMaxTarget = (std::size_t{40} << 10U) + 1;  // Path 8 KiB, '?', query 32 KiB.
constexpr std::size_t kMaxParts = 100;

auto shape(std::string_view what) {
  return invalid_request("envelope_json", "invalid envelope JSON: " + std::string(what));
}

bool is_absent(const Value* value) { return value == nullptr || value->is(Kind::null); }

// Every key of `object` must be listed; the first stranger is named.
Result<void> only_keys(const Value& object,
                       std::string_view what,
                       std::initializer_list<std::string_view> keys) {
  for (const auto& member : object.members()) {
    if (std::ranges::find(keys, std::string_view(member.key)) == keys.end()) {
      return shape("unknown key '" + quote_for_message(member.key, 64) + "' in " +
                   std::string(what));
    }
  }
  return {};
}

// null and absent: nullopt.
Result<std::optional<std::string>> optional_text(const Value& object, std::string_view key) {
  const Value* value = object.find(key);
  if (is_absent(value)) return std::optional<std::string>();
  if (!value->is(Kind::string)) return shape(std::string(key) + " must be text");
  return std::optional<std::string>(value->text());
}

Result<std::string> required_text(const Value& object, std::string_view key) {
  const Value* value = object.find(key);
  if (value == nullptr || !value->is(Kind::string)) {
    return shape(std::string(key) + " must be given as text");
  }
  return std::string(value->text());
}

Result<std::optional<std::uint64_t>> optional_size(const Value& object) {
  const Value* value = object.find("size");
  if (value == nullptr) return std::optional<std::uint64_t>();
  const auto number = value->integer();
  if (!number || *number < 0) return shape("size must be a whole number of bytes");
  return std::optional<std::uint64_t>(static_cast<std::uint64_t>(*number));
}

Result<http::Headers> parse_headers(const Value& request) {
  http::Headers headers;
  const Value* list = request.find("headers");
  if (list == nullptr) return headers;
  if (!list->is(Kind::array)) return shape("headers must be a list");
  if (list->items().size() > kMaxHeaders) return shape("more than 100 headers");
  std::size_t bytes = 0;
  for (const auto& item : list->items()) {
    if (!item.is(Kind::object)) return shape("a header must be an object");
    TRY(only_keys(item, "a header", {"name", "value"}));
    TRY_ASSIGN(auto name, required_text(item, "name"));
    TRY_ASSIGN(auto value, required_text(item, "value"));
    bytes += name.size() + value.size();
    headers.push_back({std::move(name), std::move(value)});
  }
  if (bytes > kMaxHeaderBytes) return shape("headers are larger than 64 KiB");
  return headers;
}

struct FileItem {
  MultipartFile file;
  bool names_path = false;
};

Result<FileItem> parse_file(const Value& item) {
  if (!item.is(Kind::object)) return shape("a file must be an object");
  TRY(only_keys(item, "a file", {"field", "filename", "contentType", "dataB64", "size", "path"}));
  FileItem result;
  TRY_ASSIGN(result.file.field, required_text(item, "field"));
  TRY_ASSIGN(auto filename, optional_text(item, "filename"));
  TRY_ASSIGN(auto content_type, optional_text(item, "contentType"));
  TRY_ASSIGN(auto data, optional_text(item, "dataB64"));
  TRY_ASSIGN(auto path, optional_text(item, "path"));
  TRY_ASSIGN(result.file.size, optional_size(item));
  result.file.filename = filename.value_or("");
  result.file.content_type = content_type.value_or("");
  if (int{data.has_value()} + int{path.has_value()} + int{result.file.size.has_value()} != 1) {
    return shape("a file needs exactly one of dataB64, size and path");
  }
  if (data) {
    auto bytes = from_base64(*data);
    if (!bytes) return shape("dataB64 is not canonical base64");
    result.file.data = std::move(*bytes);
  }
  result.names_path = path.has_value();
  return result;
}

// The body modes of a request, before it is known that at most one is used.
struct BodyModes {
  std::optional<std::string> text;
  std::optional<std::string> bytes;
  std::optional<StreamBody> stream;
  std::optional<Multipart> multipart;
  bool names_path = false;       // bodyFilePath
  bool part_names_path = false;  // a path in multipartFiles
};

Result<Multipart> parse_multipart(const Value* fields, const Value* files, bool& names_path) {
  Multipart multipart;
  if (!is_absent(fields)) {
    if (!fields->is(Kind::object)) return shape("multipart must be an object");
    for (const auto& member : fields->members()) {
      if (!member.value.is(Kind::string)) return shape("a multipart field must be text");
      multipart.fields.emplace_back(std::string(member.key), std::string(member.value.text()));
    }
  }
  if (files != nullptr) {
    for (const auto& item : files->items()) {
      TRY_ASSIGN(auto file, parse_file(item));
      names_path = names_path || file.names_path;
      multipart.files.push_back(std::move(file.file));
    }
  }
  if (multipart.fields.size() + multipart.files.size() > kMaxParts) {
    return shape("more than 100 multipart parts");
  }
  return multipart;
}

Result<BodyModes> parse_body_modes(const Value& request) {
  BodyModes modes;
  TRY_ASSIGN(modes.text, optional_text(request, "body"));
  TRY_ASSIGN(auto encoded, optional_text(request, "bodyB64"));
  if (encoded) {
    modes.bytes = from_base64(*encoded);
    if (!modes.bytes) return shape("bodyB64 is not canonical base64");
  }
  if (const Value* stream = request.find("bodyStream"); !is_absent(stream)) {
    if (!stream->is(Kind::object)) return shape("bodyStream must be an object");
    TRY(only_keys(*stream, "bodyStream", {"size"}));
    modes.stream.emplace();
    TRY_ASSIGN(modes.stream->size, optional_size(*stream));
  }
  const Value* fields = request.find("multipart");
  const Value* files = request.find("multipartFiles");
  if (files != nullptr && !files->is(Kind::array)) return shape("multipartFiles must be a list");
  if (!is_absent(fields) || (files != nullptr && !files->items().empty())) {
    TRY_ASSIGN(modes.multipart, parse_multipart(fields, files, modes.part_names_path));
  }
  TRY_ASSIGN(const auto path, optional_text(request, "bodyFilePath"));
  modes.names_path = path.has_value();
  return modes;
}

Result<Body> choose_body(BodyModes modes) {
  const int used = int{modes.text.has_value()} + int{modes.bytes.has_value()} +
                   int{modes.stream.has_value()} + int{modes.multipart.has_value()} +
                   int{modes.names_path};
  if (used > 1) return policy_violation("body_mode", "only one request body mode is allowed");
  if (modes.names_path || modes.part_names_path) {
    return invalid_request("file_path_refused",
                           "file paths are not accepted; the caller sends the bytes");
  }
  if (modes.text) return Body(std::move(*modes.text));
  if (modes.bytes) return Body(std::move(*modes.bytes));
  if (modes.stream) return Body(*modes.stream);
  if (modes.multipart) return Body(std::move(*modes.multipart));
  return Body(NoBody{});
}

bool is_blank(std::string_view text) { return trim(text).empty(); }

Result<std::optional<std::string>> method_or_path(const Value& request,
                                                  std::string_view key,
                                                  Completion completion) {
  const Value* value = request.find(key);
  if (value == nullptr && completion == Completion::allow_missing) {
    return std::optional<std::string>();
  }
  TRY_ASSIGN(auto text, required_text(request, key));
  return std::optional<std::string>(std::move(text));
}

}  // namespace

std::optional<std::uint64_t> Envelope::announced_bytes() const {
  if (const auto* stream = std::get_if<StreamBody>(&body)) return stream->size;
  std::uint64_t sum = 0;
  if (const auto* multipart = std::get_if<Multipart>(&body)) {
    for (const auto& file : multipart->files) sum += file.size.value_or(0);
  }
  return sum;
}

Result<Envelope> parse_envelope(std::string_view text, Completion completion) {
  json::Limits limits;
  limits.bytes = kMaxEnvelope;
  auto parsed = json::parse(text, limits);
  if (!parsed) return shape(parsed.error().message);
  const Value& root = *parsed;
  if (!root.is(Kind::object)) return shape("the envelope must be an object");
  TRY(only_keys(root, "the envelope", {"capability", "credential", "request"}));
  Envelope envelope;
  TRY_ASSIGN(envelope.capability, required_text(root, "capability"));
  TRY_ASSIGN(envelope.credential, optional_text(root, "credential"));
  if (envelope.credential) {
    const auto name = std::string(trim(*envelope.credential));
    envelope.credential = name.empty() ? std::nullopt : std::optional(name);
  }
  const Value* request = root.find("request");
  if (request == nullptr || !request->is(Kind::object)) return shape("request must be an object");
  TRY(only_keys(*request,
                "the request",
                {"method",
                 "path",
                 "headers",
                 "url",
                 "body",
                 "bodyB64",
                 "bodyStream",
                 "multipart",
                 "multipartFiles",
                 "bodyFilePath"}));
  TRY_ASSIGN(envelope.method, method_or_path(*request, "method", completion));
  TRY_ASSIGN(envelope.path, method_or_path(*request, "path", completion));
  if (envelope.path && envelope.path->size() > kMaxTarget) return shape("path is too long");
  TRY_ASSIGN(envelope.headers, parse_headers(*request));
  TRY_ASSIGN(auto modes, parse_body_modes(*request));

  if (is_blank(envelope.capability)) {
    return invalid_request("field_required", "capability is required");
  }
  if (envelope.method && is_blank(*envelope.method)) {
    return invalid_request("field_required", "request.method is required");
  }
  if (envelope.path && is_blank(*envelope.path)) {
    return invalid_request("field_required", "request.path is required");
  }
  if (!is_absent(request->find("url"))) {
    return policy_violation("url_not_allowed", "request.url is not allowed");
  }
  TRY_ASSIGN(envelope.body, choose_body(std::move(modes)));
  return envelope;
}

Result<SocketOpening> parse_socket_opening(std::string_view text) {
  const auto parsed = json::parse(text);
  if (!parsed) return shape(parsed.error().message);
  const Value& root = *parsed;
  if (!root.is(Kind::object)) return shape("the envelope must be an object");
  if (!is_absent(root.find("targetUrl"))) {
    return policy_violation("url_not_allowed", "targetUrl is not allowed");
  }
  TRY(only_keys(root,
                "the envelope",
                {"capability", "path", "credential", "headers", "subprotocols", "targetUrl"}));
  SocketOpening opening;
  auto& envelope = opening.envelope;
  TRY_ASSIGN(envelope.capability, required_text(root, "capability"));
  TRY_ASSIGN(envelope.path, required_text(root, "path"));
  TRY_ASSIGN(envelope.credential, optional_text(root, "credential"));
  if (envelope.credential && is_blank(*envelope.credential)) envelope.credential.reset();
  if (!is_absent(root.find("headers"))) {
    TRY_ASSIGN(envelope.headers, parse_headers(root));
  }
  if (const Value* list = root.find("subprotocols"); !is_absent(list)) {
    if (!list->is(Kind::array)) return shape("subprotocols must be a list");
    for (const auto& item : list->items()) {
      if (!item.is(Kind::string)) return shape("a subprotocol must be text");
      opening.protocols.emplace_back(item.text());
    }
  }
  if (is_blank(envelope.capability)) {
    return invalid_request("field_required", "capability is required");
  }
  if (is_blank(*envelope.path)) {
    return invalid_request("field_required", "request.path is required");
  }
  if (envelope.path->size() > kMaxTarget) return shape("path is too long");
  envelope.method = "GET";
  return opening;
}

}  // namespace aivault::protocol
