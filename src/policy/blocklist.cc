#include "policy/blocklist.h"

#include <utility>

#include "base/text.h"

namespace aivault::policy {
namespace {

constexpr std::string_view kData = "data:";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Of a byte order mark, which may come before the first character.
bool is_mark(char c) { return c == '\xEF' || c == '\xBB' || c == '\xBF'; }

std::vector<std::string> texts_of(std::span<const std::string> entries, std::string_view unlike) {
  constexpr std::string_view kLiteral = "literal:";
  constexpr std::string_view kField = "field:";
  std::vector<std::string> texts;
  for (const auto& entry : entries) {
    auto text = trim(entry);
    if (text.starts_with(unlike)) continue;
    if (text.starts_with(kLiteral)) text.remove_prefix(kLiteral.size());
    if (text.starts_with(kField) && unlike != kField) text.remove_prefix(kField.size());
    if (!text.empty()) texts.emplace_back(text);
  }
  return texts;
}

}  // namespace

BlocklistRules::BlocklistRules(std::span<const std::string> entries)
    : literals(std::make_shared<const LiteralForms>(texts_of(entries, "field:"))),
      fields(texts_of(entries, "literal:")) {}

Blocklist::Blocklist(std::shared_ptr<const BlocklistRules> rules, std::string_view content_type)
    : rules_(std::move(rules)),
      kind_(Kind::unknown),
      literals_(rules_->literals),
      fields_(rules_->fields) {
  const auto type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (type == "application/json" || type.ends_with("+json")) kind_ = Kind::json;
  if (type == "application/x-ndjson" || type == "application/jsonl") kind_ = Kind::lines;
  if (type == "text/event-stream") kind_ = Kind::events;
  if (rules_->fields.empty()) kind_ = Kind::text;
  sink_.plain = [this](std::string_view bytes) { literals_.feed(bytes, *out_); };
  sink_.exact = [this](std::string_view bytes) {
    literals_.flush(*out_);
    *out_ += bytes;
  };
}

void Blocklist::feed(std::string_view in, std::string& out) {
  out_ = &out;
  if (kind_ == Kind::unknown) {
    feed_unknown(in);
  } else {
    feed_known(in);
  }
  out_ = nullptr;
}

void Blocklist::feed_unknown(std::string_view in) {
  std::size_t blank = 0;
  while (blank < in.size() && (is_blank(in[blank]) || is_mark(in[blank]))) ++blank;
  literals_.feed(in.substr(0, blank), *out_);
  if (blank == in.size()) return;
  kind_ = in[blank] == '{' || in[blank] == '[' ? Kind::json : Kind::text;
  feed_known(in.substr(blank));
}

void Blocklist::feed_known(std::string_view in) {
  switch (kind_) {
    case Kind::unknown:
    case Kind::text: literals_.feed(in, *out_); break;
    case Kind::json: fields_.feed(in, sink_); break;
    case Kind::lines: feed_lines(in); break;
    case Kind::events:
      for (const char c : in) feed_event(c);
      break;
  }
}

// What broke one document ends with its line.
void Blocklist::feed_lines(std::string_view in) {
  while (!in.empty()) {
    const auto end = in.find('\n');
    const auto line = in.substr(0, end == std::string_view::npos ? end : end + 1);
    fields_.feed(line, sink_);
    if (end != std::string_view::npos && fields_.is_broken()) fields_.restart(sink_);
    in.remove_prefix(line.size());
  }
}

void Blocklist::begin_line(char c) {
  begun_ += c;
  if (begun_ == kData) {
    line_ = Line::payload;
  } else if (!kData.starts_with(begun_)) {
    line_ = Line::other;
  } else {
    return;
  }
  literals_.feed(std::exchange(begun_, {}), *out_);
}

// An empty line ends the event, and with it the document.
void Blocklist::end_line() {
  literals_.feed(std::exchange(begun_, {}), *out_);
  if (line_empty_) fields_.restart(sink_);
  line_ = Line::begin;
  line_empty_ = true;
}

void Blocklist::feed_event(char c) {
  const bool is_end = c == '\n' || c == '\r';
  const bool pair = c == '\n' && std::exchange(after_cr_, false);
  if (is_end) {
    fields_.end_line(sink_);
    if (!pair) end_line();
    after_cr_ = c == '\r';
    literals_.feed(std::string_view(&c, 1), *out_);
    return;
  }
  after_cr_ = false;
  line_empty_ = false;
  switch (line_) {
    case Line::begin: begin_line(c); break;
    case Line::payload: fields_.feed(std::string_view(&c, 1), sink_); break;
    case Line::other: literals_.feed(std::string_view(&c, 1), *out_); break;
  }
}

void Blocklist::finish(std::string& out) {
  out_ = &out;
  literals_.feed(std::exchange(begun_, {}), out);
  fields_.finish(sink_);
  literals_.flush(out);
  out_ = nullptr;
}

}  // namespace aivault::policy
