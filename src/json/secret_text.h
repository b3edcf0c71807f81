// secret_text: the way of secret bytes from a JSON document into a Secret, and back out for
// the requests that carry secrets to the daemon.
// Source: RFC 4648 for Base64.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/secret.h"
#include "json/value.h"

namespace aivault::json {

// Strict standard Base64; nullopt if malformed. Leaves no copy behind.
std::optional<Secret> secret_from_base64(std::string_view text);

// A piece of a JSON document: its text as it is, or a secret as one string.
struct DocumentPart {
  enum class Form : unsigned char { text, base64, characters };
  Form form = Form::text;
  std::string_view text = {};
  const Secret* secret = nullptr;  // Of the other two forms.
};
// The document as one Secret, written in place. nullopt: characters that are not UTF-8.
std::optional<Secret> document_of(std::span<const DocumentPart> parts);

}  // namespace aivault::json
