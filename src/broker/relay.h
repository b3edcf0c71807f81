// Relay: the answer of an upstream on its way to the caller: only visible headers, and neither they
// nor the body hold the secret. The body is decoded, runs through the stages that the policy of the
// call wants, and is scrubbed last.
// Thread: the event loop. Errors: those of AnswerBody and of the stages.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/answer_body.h"
#include "broker/body_stage.h"
#include "broker/call.h"
#include "broker/records.h"
#include "broker/running_calls.h"
#include "policy/exempt_content.h"
#include "policy/scrub.h"
#include "registry/auth_spec.h"
#include "upstream/exchange.h"

namespace aivault::broker {

class Relay final : public Answer {
 public:
  struct Treatment {
    std::shared_ptr<const policy::ScrubForms> forms;
    policy::ScrubMode scrub = policy::ScrubMode::automatic;  // Headers are scrubbed in any case.
    // Before the scrubber, in this order: what the policy of the capability wants.
    std::vector<std::unique_ptr<BodyStage>> stages;
    // Status and body wait for the end, 64 KiB or 1 s, so that a stage can still refuse cleanly.
    bool hold_back = false;
  };
  // `own_headers` go behind the upstream's.
  Relay(std::unique_ptr<upstream::Exchange> exchange,
        const registry::AuthSpec& auth,
        Treatment treatment,
        http::Headers own_headers,
        EndRecord record,
        RunningCalls::Ticket ticket);
  ~Relay() override;

  // Decides what happens to the body, and takes a small one whole, so that its length is known. An
  // error here is the call's.
  boost::asio::awaitable<Result<void>> begin();

  int status() const override { return exchange_->head().status; }
  const http::Headers& headers() const override { return headers_; }
  std::optional<std::uint64_t> content_length() const override { return content_length_; }
  boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override;

 private:
  using Clock = AnswerBody::Clock;
  Result<void> prepare_decoder();
  boost::asio::awaitable<Result<void>> take_sample();
  void choose_stages();
  void say_length();
  boost::asio::awaitable<Result<void>> take_small_body();
  boost::asio::awaitable<Result<void>> hold_back();
  boost::asio::awaitable<Result<std::optional<std::size_t>>> take(
      std::span<std::byte> buffer, std::optional<Clock::time_point> when = std::nullopt);
  Result<void> pass_on(std::string_view raw);
  boost::asio::awaitable<Error> failed(Error why);
  void note_treatment();
  void drop_header(std::string_view name);
  EndRecord::Bytes bytes() const;

  std::unique_ptr<upstream::Exchange> exchange_;
  Treatment treatment_;
  bool scrub_is_off_;  // By policy, which the record says.
  std::optional<AnswerBody> body_;
  BodyChain chain_;
  http::Headers headers_;
  std::optional<std::uint64_t> content_length_;
  std::string sample_;    // The beginning of a body of which it is not known what it is.
  std::string released_;  // May go to the caller; given up to given_.
  std::size_t given_ = 0;
  std::uint64_t sent_ = 0;  // Bytes that read() gave in all.
  bool upstream_ended_ = false;
  bool noted_ = false;
  std::optional<Error> failure_;
  EndRecord record_;
  RunningCalls::Ticket ticket_;
};

}  // namespace aivault::broker
