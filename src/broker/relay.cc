#include "broker/relay.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include <boost/asio/this_coro.hpp>

#include "base/encoding.h"
#include "base/text.h"
#include "base/wipe.h"
#include "policy/response_headers.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;

constexpr std::uint64_t kSmallBody = std::uint64_t{64} << 10U;
constexpr std::size_t kPiece = std::size_t{16} << 10U;

// A name that holds the secret is no header that anybody needs.
http::Headers without_secret_names(const http::Headers& headers, const policy::ScrubForms& forms) {
  http::Headers kept;
  std::ranges::copy_if(headers, std::back_inserter(kept), [&forms](const http::Header& header) {
    return !policy::holds_in_any_case(forms, header.name);
  });
  return kept;
}

bool is_event_stream(const http::Headers& headers) {
  const auto* type = http::find(headers, "content-type");
  return type != nullptr && to_lower(*type).starts_with("text/event-stream");
}

}  // namespace

Relay::Relay(std::unique_ptr<upstream::Exchange> exchange,
             const registry::AuthSpec& auth,
             Scrubbing scrubbing,
             http::Headers own_headers,
             EndRecord record,
             RunningCalls::Ticket ticket)
    : exchange_(std::move(exchange)), record_(std::move(record)), ticket_(std::move(ticket)) {
  const auto& head = exchange_->head();
  const auto named = without_secret_names(head.headers, *scrubbing.forms);
  headers_ = policy::visible_headers(named, auth);
  for (auto& header : headers_) header.value = policy::scrub_text(scrubbing.forms, header.value);
  std::ranges::move(own_headers, std::back_inserter(headers_));
  if (!head.body_expected) {
    content_length_ = head.content_length;
  } else if (scrubbing.bodies && !scrubbing.forms->empty()) {
    scrubber_.emplace(std::move(scrubbing.forms));
  }
}

Relay::~Relay() { record_.note_progress(bytes()); }

EndRecord::Bytes Relay::bytes() const { return {exchange_->request_bytes(), sent_}; }

// What a caller's leaving does to the exchange is no error of the upstream's.
asio::awaitable<Error> Relay::failed(Error why) {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() == asio::cancellation_type::none) record_.error(why, bytes());
  failure_ = why;
  co_return why;
}

asio::awaitable<Result<void>> Relay::take_small_body() {
  const auto& head = exchange_->head();
  const auto declared = head.content_length.value_or(kSmallBody + 1);
  const bool take_it = head.body_expected && declared <= kSmallBody && !is_event_stream(headers_);
  if (!take_it) co_return Result<void>();
  std::vector<std::byte> buffer(std::clamp<std::uint64_t>(declared, 1, kPiece));
  while (!upstream_ended_) {
    auto took = co_await take(buffer);
    if (!took) co_return fail(std::move(took).error());
  }
  wipe(buffer.data(), buffer.size());
  content_length_ = released_.size();
  co_return Result<void>();
}

// Moves bytes of the upstream to released_, through `buffer`; says how many it held.
asio::awaitable<Result<std::size_t>> Relay::take(std::span<std::byte> buffer) {
  auto got = co_await exchange_->read(buffer);
  if (!got) co_return fail(co_await failed(std::move(got).error()));
  upstream_ended_ = *got == 0;
  const auto raw = text_of(buffer.first(*got));
  if (!scrubber_) {
    released_ += raw;
  } else if (upstream_ended_) {
    scrubber_->finish(released_);
  } else {
    scrubber_->feed(raw, released_);
  }
  co_return got;
}

asio::awaitable<Result<std::size_t>> Relay::read(std::span<std::byte> into) {
  if (failure_) co_return fail(*failure_);
  std::size_t raw = 0;
  while (given_ == released_.size() && !upstream_ended_) {
    if (!scrubber_) {
      auto got = co_await exchange_->read(into);
      if (!got) co_return fail(co_await failed(std::move(got).error()));
      sent_ += *got;
      upstream_ended_ = *got == 0;
      if (!upstream_ended_) co_return got;
      break;
    }
    released_.clear();
    given_ = 0;
    auto took = co_await take(into);
    if (!took) co_return fail(std::move(took).error());
    raw = std::max(raw, *took);
  }
  const auto size = std::min(into.size(), released_.size() - given_);
  std::memcpy(into.data(), released_.data() + given_, size);
  if (raw > size) wipe(into.data() + size, raw - size);  // What is held back stays here.
  given_ += size;
  sent_ += size;
  if (size == 0) record_.ok(status(), bytes());
  co_return size;
}

}  // namespace aivault::broker
