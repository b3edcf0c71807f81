// Markdown: a JSON document as text that people and language models read. Pure.
// The markers around objects are layout, not a security boundary.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"

namespace aivault::cli {

struct MarkdownOptions {
  std::string name_space;                  // Blank: no <begin ...> around everything.
  std::vector<std::string> excluded_keys;  // At every depth.
  std::vector<std::string> wrapped_keys;   // Their texts are marked.
};

std::string to_markdown(const json::Value& document, const MarkdownOptions& options);

}  // namespace aivault::cli
