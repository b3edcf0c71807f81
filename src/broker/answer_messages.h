// AnswerMessages: messages of an upstream's WebSocket on their way to the caller: piece by piece
// through what the policy wants and the scrubber, which both begin anew with each message. Text is
// always scrubbed.
// Thread: the event loop. Errors: policy_violation response_too_large.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "broker/body_stage.h"
#include "http/websocket.h"
#include "policy/blocklist.h"
#include "policy/limits.h"
#include "policy/scrub.h"

namespace aivault::broker {

class AnswerMessages {
 public:
  enum class Scrub : std::uint8_t { nothing, text_only, all };
  // `blocked`: the blocklist of the limits; nullptr: nothing is blocked.
  AnswerMessages(std::shared_ptr<const policy::ScrubForms> forms,
                 const policy::CallLimits& limits,
                 std::shared_ptr<const policy::BlocklistRules> blocked,
                 Scrub scrub);
  ~AnswerMessages();
  AnswerMessages(const AnswerMessages&) = delete;
  AnswerMessages& operator=(const AnswerMessages&) = delete;

  // Appends to `frames` what may go on of what is held and of a piece of data.
  Result<void> add(const http::websocket::FrameReader::Piece& piece, std::string& frames);
  // What a control frame says, scrubbed as a whole.
  std::string clean(std::string_view text) const;

  std::uint64_t bytes() const { return bytes_; }      // Of messages, that went on.
  std::uint64_t changed() const { return changed_; }  // Messages in which something was replaced.
  const Replaced& replaced() const { return replaced_; }  // In messages that have ended.

 private:
  void begin(http::websocket::Opcode message);

  std::shared_ptr<const policy::ScrubForms> forms_;
  policy::CallLimits limits_;
  std::shared_ptr<const policy::BlocklistRules> blocked_;
  Scrub scrub_;
  std::unique_ptr<BodyChain> chain_;  // Of the message under way; nullptr: it passes as it is.
  bool begun_ = false;                // A frame of the message has gone on.
  std::string text_;
  std::uint64_t bytes_ = 0, changed_ = 0;
  Replaced replaced_;
};

}  // namespace aivault::broker
