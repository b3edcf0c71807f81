// Relay: the answer of an upstream on its way to the caller: only visible headers, and neither they
// nor the body hold the secret.
// Thread: the event loop. Errors: those of upstream::Exchange.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "broker/call.h"
#include "broker/records.h"
#include "broker/running_calls.h"
#include "policy/scrub.h"
#include "registry/auth_spec.h"
#include "upstream/exchange.h"

namespace aivault::broker {

class Relay final : public Answer {
 public:
  struct Scrubbing {
    std::shared_ptr<const policy::ScrubForms> forms;
    bool bodies = true;  // Headers are scrubbed in any case.
  };
  // `own_headers` go behind the upstream's.
  Relay(std::unique_ptr<upstream::Exchange> exchange,
        const registry::AuthSpec& auth,
        Scrubbing scrubbing,
        http::Headers own_headers,
        EndRecord record,
        RunningCalls::Ticket ticket);
  ~Relay() override;

  // Takes a small body whole, so that its length is known. An error here is the call's.
  boost::asio::awaitable<Result<void>> take_small_body();

  int status() const override { return exchange_->head().status; }
  const http::Headers& headers() const override { return headers_; }
  std::optional<std::uint64_t> content_length() const override { return content_length_; }
  boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override;

 private:
  boost::asio::awaitable<Result<std::size_t>> take(std::span<std::byte> buffer);
  boost::asio::awaitable<Error> failed(Error why);
  EndRecord::Bytes bytes() const;

  std::unique_ptr<upstream::Exchange> exchange_;
  std::optional<policy::Scrubber> scrubber_;
  http::Headers headers_;
  std::optional<std::uint64_t> content_length_;
  std::string released_;  // May go to the caller; given up to given_.
  std::size_t given_ = 0;
  std::uint64_t sent_ = 0;  // Bytes that read() gave in all.
  bool upstream_ended_ = false;
  std::optional<Error> failure_;
  EndRecord record_;
  RunningCalls::Ticket ticket_;
};

}  // namespace aivault::broker
