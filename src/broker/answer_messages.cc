#include "broker/answer_messages.h"

#include <utility>

#include "base/wipe.h"
#include "broker/limit_stages.h"
#include "broker/scrub_stage.h"

namespace aivault::broker {

using http::websocket::Opcode;

AnswerMessages::AnswerMessages(std::shared_ptr<const policy::ScrubForms> forms,
                               const policy::CallLimits& limits,
                               std::shared_ptr<const policy::BlocklistRules> blocked,
                               Scrub scrub)
    : forms_(std::move(forms)), limits_(limits), blocked_(std::move(blocked)), scrub_(scrub) {}

AnswerMessages::~AnswerMessages() { wipe(text_); }

void AnswerMessages::begin(Opcode message) {
  const bool is_text = message == Opcode::text;
  const bool scrubs =
      !forms_->empty() && (scrub_ == Scrub::all || (scrub_ == Scrub::text_only && is_text));
  auto chain = std::make_unique<BodyChain>();
  for (auto& stage : stages_of(limits_, is_text ? blocked_ : nullptr)) chain->add(std::move(stage));
  if (scrubs) chain->add(std::make_unique<ScrubStage>(forms_));
  chain_ = chain->empty() ? nullptr : std::move(chain);
  begun_ = false;
}

Result<void> AnswerMessages::add(const http::websocket::FrameReader::Piece& piece,
                                 std::string& frames) {
  if (piece.begins) begin(piece.message);
  auto text = piece.bytes;
  if (chain_) {
    wipe(text_);
    text_.clear();
    TRY(chain_->feed(piece.bytes, text_));
    if (piece.ends) TRY(chain_->finish(text_));
    text = text_;
  }
  if (!text.empty() || piece.ends) {
    using enum http::websocket::End;
    http::websocket::append_frame(frames,
                                  begun_ ? Opcode::continuation : piece.message,
                                  piece.ends ? of_message : of_fragment,
                                  text,
                                  std::nullopt);
    begun_ = true;
    bytes_ += text.size();
  }
  if (piece.ends && chain_) {
    if (!chain_->note().empty()) ++changed_;
    const auto hits = chain_->replaced();
    replaced_.scrubbed += hits.scrubbed;
    replaced_.blocked += hits.blocked;
    chain_.reset();
  }
  return {};
}

std::string AnswerMessages::clean(std::string_view text) const {
  if (scrub_ == Scrub::nothing) return std::string(text);
  return policy::scrub_text(forms_, text);
}

}  // namespace aivault::broker
