#include "broker/answer_messages.h"

#include <gtest/gtest.h>

#include <array>

#include "base/secret.h"

namespace aivault::broker {
namespace {

using http::websocket::End;
using http::websocket::FrameReader;
using http::websocket::Opcode;
using Scrub = AnswerMessages::Scrub;

std::shared_ptr<const policy::ScrubForms> forms() {
  const std::array values = {Secret::copy_of("sk-live-0001")};
  return policy::ScrubForms::of(values);
}

// The messages that come out for one that goes in in pieces of `step` bytes, put together again.
std::string through(AnswerMessages& messages,
                    Opcode kind,
                    const std::string& text,
                    std::size_t step) {
  std::string frames;
  for (std::size_t at = 0; at < text.size(); at += step) {
    FrameReader::Piece piece;
    piece.kind = FrameReader::Piece::Kind::data;
    piece.message = kind;
    piece.begins = at == 0;
    piece.ends = at + step >= text.size();
    piece.bytes = std::string_view(text).substr(at, step);
    const auto added = messages.add(piece, frames);
    if (!added) return added.error().reason;
  }
  FrameReader reader(FrameReader::Peer::server, 1 << 20);
  std::span<char> in(frames);
  std::string whole;
  int ends = 0;
  for (auto piece = reader.next(in); piece; piece = reader.next(in)) {
    if (piece->kind == FrameReader::Piece::Kind::nothing) break;
    EXPECT_EQ(piece->message, kind);
    whole += piece->bytes;
    if (piece->ends) ++ends;
  }
  EXPECT_EQ(ends, 1);
  return whole;
}

TEST(AnswerMessages, ScrubHoweverTheyAreCut) {
  AnswerMessages messages(forms(), {}, nullptr, Scrub::all);
  for (const auto step : std::to_array<std::size_t>({1, 2, 5, 11, 12, 100})) {
    EXPECT_EQ(through(messages, Opcode::text, "a sk-live-0001 b", step), "a [REDACTED] b") << step;
    EXPECT_EQ(through(messages, Opcode::binary, "a sk-live-0001 b", step), "a [REDACTED] b");
  }
  EXPECT_EQ(messages.changed(), 12);
}

TEST(AnswerMessages, ScrubTextWhateverThePolicySays) {
  AnswerMessages messages(forms(), {}, nullptr, Scrub::text_only);
  EXPECT_EQ(through(messages, Opcode::text, "sk-live-0001", 5), "[REDACTED]");
  EXPECT_EQ(through(messages, Opcode::binary, "sk-live-0001", 5), "sk-live-0001");
}

TEST(AnswerMessages, BeginAnewWithEachMessage) {
  AnswerMessages messages(forms(), {}, nullptr, Scrub::all);
  EXPECT_EQ(through(messages, Opcode::text, "sk-live-", 100), "sk-live-");
  EXPECT_EQ(through(messages, Opcode::text, "0001", 100), "0001");
}

TEST(AnswerMessages, KeepTheirPolicysLimitsEach) {
  policy::CallLimits limits;
  limits.max_response_bytes = 10;
  const std::vector<std::string> entries = {"field:ssn"};
  const auto blocked_rules = std::make_shared<const policy::BlocklistRules>(entries);
  AnswerMessages messages(forms(), limits, blocked_rules, Scrub::all);
  EXPECT_EQ(through(messages, Opcode::text, "0123456789", 3), "0123456789");
  EXPECT_EQ(through(messages, Opcode::text, "0123456789", 3), "0123456789");
  EXPECT_EQ(through(messages, Opcode::text, "0123456789a", 3), "response_too_large");
  limits.max_response_bytes.reset();
  AnswerMessages blocked(forms(), limits, blocked_rules, Scrub::all);
  EXPECT_EQ(through(blocked, Opcode::text, R"({"ssn":1})", 4), R"({"ssn":"[REDACTED]"})");
  EXPECT_EQ(through(blocked, Opcode::binary, R"({"ssn":1})", 4), R"({"ssn":1})");
}

}  // namespace
}  // namespace aivault::broker
