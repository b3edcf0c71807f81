// RawOutput: the body of an answer on stdout, byte for byte; harmless where that is a terminal.
// Thread: one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/call_exchange.h"
#include "cli/session.h"
#include "http/head.h"
#include "platform/terminal.h"

namespace aivault::cli {

// The upstream's headers: without those of the way from the daemon to aivault.
http::Headers shown_headers(const http::ResponseHead& head);
// A header's value as text: UTF-8 if it is, else the ISO-8859-1 of older servers (RFC 9110, 5.5).
std::string text_of_header(std::string_view value);

class RawOutput final : public AnswerSink {
 public:
  // beginning: the first MiB waits until it is complete or exceeded, so that a failure within it
  // leaves stdout empty.
  enum class Hold : std::uint8_t { beginning, nothing };
  enum class Head : std::uint8_t { hidden, shown };
  RawOutput(Session& session, Hold hold, Head head)
      : session_(session), holding_(hold == Hold::beginning), head_(head) {}

  Result<void> take_head(const http::ResponseHead& head) override;
  Result<void> take(std::string_view bytes) override;
  void finish();  // The answer is complete.

 private:
  void put(std::string_view bytes);
  void release();

  Session& session_;
  bool holding_;
  Head head_;
  std::string held_;
  platform::TerminalEscaper escaper_;
};

}  // namespace aivault::cli
