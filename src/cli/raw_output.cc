#include "cli/raw_output.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

constexpr std::size_t kHeldBytes = std::size_t{1} << 20U;

bool is_of_this_hop(const std::string& name) {
  constexpr auto kHop = std::to_array<std::string_view>(
      {"connection", "keep-alive", "transfer-encoding", "trailer", "te", "upgrade"});
  return name.starts_with("x-aivault-") || std::ranges::count(kHop, name) > 0;
}

}  // namespace

http::Headers shown_headers(const http::ResponseHead& head) {
  http::Headers shown;
  for (const auto& header : head.headers) {
    if (header.name == protocol::kContentLength) {
      shown.push_back({"content-length", header.value});
    } else if (!is_of_this_hop(header.name)) {
      shown.push_back(header);
    }
  }
  return shown;
}

std::string text_of_header(std::string_view value) {
  if (is_valid_utf8(value)) return std::string(value);
  std::string text;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xC0U | (byte >> 6U));
      text += static_cast<char>(0x80U | (byte & 0x3FU));
    }
  }
  return text;
}

Result<void> RawOutput::take_head(const http::ResponseHead& head) {
  if (head_ == Head::hidden) return {};
  // The line ends are ours; on a terminal only what is between them has to be made harmless.
  const auto& style = session_.style();
  std::string text = "HTTP/1.1 " + std::to_string(head.status) + "\r\n";
  for (const auto& header : shown_headers(head)) {
    text += style.plain(header.name + ": " + header.value) + "\r\n";
  }
  put(text + "\r\n");
  return {};
}

Result<void> RawOutput::take(std::string_view bytes) {
  if (session_.stdout_is_terminal()) {
    put(escaper_.feed(bytes));
  } else {
    put(bytes);
  }
  return {};
}

void RawOutput::put(std::string_view bytes) {
  if (!holding_) {
    session_.print(bytes);
    return;
  }
  held_ += bytes;
  if (held_.size() > kHeldBytes) release();
}

void RawOutput::release() {
  holding_ = false;
  session_.print(held_);
  held_ = {};
}

void RawOutput::finish() {
  put(escaper_.finish());
  release();
}

}  // namespace aivault::cli
