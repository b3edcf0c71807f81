#include "broker/multipart.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/encoding.h"
#include "base/text.h"
#include "broker/random.h"
#include "http/message.h"

namespace aivault::broker {
namespace {

struct MediaType {
  std::string_view extension, type;
};
constexpr auto kMediaTypes = std::to_array<MediaType>({
    {"csv", "text/csv"},          {"flac", "audio/flac"},
    {"gif", "image/gif"},         {"gz", "application/gzip"},
    {"htm", "text/html"},         {"html", "text/html"},
    {"jpeg", "image/jpeg"},       {"jpg", "image/jpeg"},
    {"json", "application/json"}, {"jsonl", "application/jsonl"},
    {"m4a", "audio/mp4"},         {"md", "text/markdown"},
    {"mov", "video/quicktime"},   {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},         {"mpeg", "video/mpeg"},
    {"mpga", "audio/mpeg"},       {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},         {"opus", "audio/ogg"},
    {"pdf", "application/pdf"},   {"png", "image/png"},
    {"svg", "image/svg+xml"},     {"txt", "text/plain"},
    {"wav", "audio/wav"},         {"webm", "video/webm"},
    {"webp", "image/webp"},       {"xml", "application/xml"},
    {"zip", "application/zip"},
});

// The escapes of the HTML standard for names in content-disposition.
std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    switch (c) {
      case '"': out += "%22"; break;
      case '\r': out += "%0D"; break;
      case '\n': out += "%0A"; break;
      default: out += c;
    }
  }
  return out + '"';
}

std::string part_start(const std::string& boundary, std::string_view field) {
  return "--" + boundary + "\r\ncontent-disposition: form-data; name=" + quoted_name(field);
}

}  // namespace

std::string make_boundary() { return "aivault-" + hex(random_bytes()); }

std::string_view media_type_of(std::string_view filename) {
  const auto dot = filename.rfind('.');
  if (dot != std::string_view::npos) {
    const auto extension = to_lower(filename.substr(dot + 1));
    const auto* found =
        std::ranges::find(kMediaTypes, std::string_view(extension), &MediaType::extension);
    if (found != kMediaTypes.end()) return found->type;
  }
  return "application/octet-stream";
}

Result<MultipartLayout> lay_out(protocol::Multipart multipart, const std::string& boundary) {
  MultipartLayout layout;
  layout.content_type = "multipart/form-data; boundary=" + boundary;
  std::string text;
  for (auto& [name, value] : multipart.fields) {
    text += part_start(boundary, name) + "\r\n\r\n" + value + "\r\n";
  }
  for (auto& file : multipart.files) {
    const auto filename = file.filename.empty() ? std::string("file") : std::move(file.filename);
    const auto type =
        file.content_type.empty() ? std::string(media_type_of(filename)) : file.content_type;
    if (!http::is_field_value(type)) {
      return invalid_request("header_syntax", "invalid header value in a part's content type");
    }
    text += part_start(boundary, file.field) + "; filename=" + quoted_name(filename) +
            "\r\ncontent-type: " + type + "\r\n\r\n";
    if (file.data) text += *file.data;
    if (file.size.value_or(0) > 0) {
      layout.announced += *file.size;
      layout.size += text.size() + *file.size;
      layout.pieces.push_back({std::exchange(text, {}), *file.size});
    }
    text += "\r\n";
  }
  text += "--" + boundary + "--\r\n";
  layout.size += text.size();
  layout.pieces.push_back({std::move(text), 0});
  return layout;
}

}  // namespace aivault::broker
