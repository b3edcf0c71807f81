// Blocklist: removes what the operator listed from an answer while it streams: texts anywhere, and
// in JSON the whole values of named members. The output does not depend on how the body is cut.
// Thread: one object belongs to one thread at a time; BlocklistRules is immutable and shared.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/json_fields.h"
#include "policy/literals.h"

namespace aivault::policy {

// Entries: "literal:TEXT", "field:NAME", or "TEXT", which is both. Blank ones are ignored.
struct BlocklistRules {
  explicit BlocklistRules(std::span<const std::string> entries);
  bool empty() const { return literals->empty() && fields.empty(); }

  std::shared_ptr<const LiteralForms> literals;
  std::vector<std::string> fields;
};

class Blocklist {
 public:
  // `content_type` as the upstream says; empty: it says none. Then, and where it names nothing
  // known, a body that begins with { or [ is JSON.
  Blocklist(std::shared_ptr<const BlocklistRules> rules, std::string_view content_type);

  ~Blocklist() = default;
  Blocklist(const Blocklist&) = delete;
  Blocklist& operator=(const Blocklist&) = delete;
  Blocklist(Blocklist&&) = delete;
  Blocklist& operator=(Blocklist&&) = delete;

  void feed(std::string_view in, std::string& out);
  void finish(std::string& out);
  std::uint64_t hits() const { return literals_.hits() + fields_.hits(); }
  // What was declared as JSON and is not; only texts were looked for in the rest of it.
  bool has_errors() const { return fields_.errors() > 0 && kind_ != Kind::events; }

 private:
  enum class Kind : std::uint8_t { unknown, text, json, lines, events };
  // A place in a stream of events: which line, and what of it.
  enum class Line : std::uint8_t { begin, payload, other };

  void feed_unknown(std::string_view in);
  void feed_lines(std::string_view in);
  void feed_event(char c);
  void begin_line(char c);
  void end_line();
  void feed_known(std::string_view in);

  std::shared_ptr<const BlocklistRules> rules_;
  Kind kind_;
  Literals literals_;
  JsonFields fields_;
  JsonFields::Sink sink_;
  std::string* out_ = nullptr;  // While bytes are fed.
  Line line_ = Line::begin;
  std::string begun_;  // The beginning of a line of which it is not known what it is.
  bool line_empty_ = true;
  bool after_cr_ = false;
};

}  // namespace aivault::policy
