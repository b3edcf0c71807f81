#include "json/secret_text.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/reveal.h"
#include "base/text.h"
#include "base/wipe.h"

namespace aivault::json {

std::optional<Secret> secret_from_base64(std::string_view text) {
  auto plain = from_base64(text);
  if (!plain) return std::nullopt;
  auto secret = Secret::copy_of(*plain);
  wipe(*plain);
  return secret;
}

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

std::size_t size_of_character(char c) {
  if (c == '"' || c == '\\') return 2;
  return is_control(c) ? 6 : 1;
}

class Writer {
 public:
  explicit Writer(std::span<std::byte> out) : next_(reinterpret_cast<char*>(out.data())) {}

  void text(std::string_view text) { next_ = std::ranges::copy(text, next_).out; }
  void character(char c) {
    if (is_control(c)) {
      const auto code = static_cast<unsigned char>(c);
      text("\\u00");
      *next_++ = kHex[code >> 4U];
      *next_++ = kHex[code & 15U];
      return;
    }
    if (size_of_character(c) == 2) *next_++ = '\\';
    *next_++ = c;
  }

 private:
  char* next_;
};

// Quotes included.
std::size_t size_of(const DocumentPart& part) {
  if (part.form == DocumentPart::Form::text) return part.text.size();
  if (part.form == DocumentPart::Form::base64) return base64_size(part.secret->size()) + 2;
  std::size_t size = 2;
  for (const char c : part.secret->text(Reveal{})) size += size_of_character(c);
  return size;
}

void write(Writer& writer, const DocumentPart& part) {
  if (part.form == DocumentPart::Form::text) return writer.text(part.text);
  writer.text("\"");
  if (part.form == DocumentPart::Form::base64) {
    auto encoded = base64(part.secret->bytes(Reveal{}));
    writer.text(encoded);
    wipe(encoded);
  } else {
    for (const char c : part.secret->text(Reveal{})) writer.character(c);
  }
  writer.text("\"");
}

}  // namespace

std::optional<Secret> document_of(std::span<const DocumentPart> parts) {
  std::size_t size = 0;
  for (const auto& part : parts) {
    if (part.form == DocumentPart::Form::characters &&
        !is_valid_utf8(part.secret->text(Reveal{}))) {
      return std::nullopt;
    }
    size += size_of(part);
  }
  auto document = Secret::zeroed(size);
  Writer writer(document.writable(Reveal{}));
  for (const auto& part : parts) write(writer, part);
  return document;
}

}  // namespace aivault::json
