#include "broker/relay.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include <boost/asio/this_coro.hpp>

#include "base/encoding.h"
#include "base/text.h"
#include "base/wipe.h"
#include "broker/scrub_stage.h"
#include "broker/visible.h"
#include "policy/response_headers.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;

constexpr std::uint64_t kSmallBody = std::uint64_t{64} << 10U;
constexpr auto kSamplePatience = std::chrono::milliseconds(200);
constexpr auto kHoldPatience = std::chrono::seconds(1);
constexpr std::size_t kPiece = std::size_t{16} << 10U;

bool is_event_stream(const http::Headers& headers) {
  const auto* type = http::find(headers, "content-type");
  return type != nullptr && to_lower(*type).starts_with("text/event-stream");
}

}  // namespace

Relay::Relay(std::unique_ptr<upstream::Exchange> exchange,
             const registry::AuthSpec& auth,
             Treatment treatment,
             http::Headers own_headers,
             EndRecord record,
             RunningCalls::Ticket ticket)
    : exchange_(std::move(exchange)),
      treatment_(std::move(treatment)),
      scrub_is_off_(treatment_.scrub == policy::ScrubMode::off),
      record_(std::move(record)),
      ticket_(std::move(ticket)) {
  headers_ = visible_to_caller(exchange_->head().headers, auth, treatment_.forms);
  if (is_event_stream(exchange_->head().headers)) record_.be(CallKind::stream);
  std::ranges::move(own_headers, std::back_inserter(headers_));
}

Relay::~Relay() {
  note_treatment();
  record_.note_progress(bytes());
  wipe(sample_);
  wipe(released_);
}

EndRecord::Bytes Relay::bytes() const { return {exchange_->request_bytes(), sent_}; }

void Relay::note_treatment() {
  if (std::exchange(noted_, true)) return;
  if (const auto said = chain_.note(); !said.empty()) record_.note(said);
  record_.tally().replaced(chain_.replaced());
  if (scrub_is_off_) record_.note("scrub off");
}

void Relay::drop_header(std::string_view name) {
  std::erase_if(headers_, [name](const http::Header& header) { return header.name == name; });
}

// What a caller's leaving does to the exchange is no error of the upstream's.
asio::awaitable<Error> Relay::failed(Error why) {
  const auto state = co_await asio::this_coro::cancellation_state;
  note_treatment();
  if (state.cancelled() == asio::cancellation_type::none) record_.error(why, bytes());
  failure_ = why;
  exchange_->cancel();
  co_return why;
}

asio::awaitable<Result<void>> Relay::begin() {
  const auto& head = exchange_->head();
  if (!head.body_expected) {
    content_length_ = head.content_length;
    body_.emplace(*exchange_, nullptr);
    co_return Result<void>();
  }
  auto begun = prepare_decoder();
  if (begun) begun = co_await take_sample();
  if (begun) {
    choose_stages();
    say_length();
    begun = pass_on(std::exchange(sample_, {}));
    if (begun && upstream_ended_) begun = chain_.finish(released_);
  }
  if (begun) begun = co_await take_small_body();
  if (begun && treatment_.hold_back) begun = co_await hold_back();
  if (begun || failure_) co_return begun;
  co_return fail(co_await failed(std::move(begun).error()));
}

Result<void> Relay::prepare_decoder() {
  auto decoder = upstream::ContentDecoder::of(exchange_->head().headers);
  if (!decoder) {
    // Nobody wants to read it: it may pass as it is.
    const bool unread = treatment_.scrub == policy::ScrubMode::off && treatment_.stages.empty();
    if (!unread) return fail(std::move(decoder).error());
    decoder = std::unique_ptr<upstream::ContentDecoder>();
  }
  body_.emplace(*exchange_, *std::move(decoder));
  if (body_->is_decoded()) drop_header("content-encoding");
  return {};
}

// The beginning of what may turn out to be no text.
asio::awaitable<Result<void>> Relay::take_sample() {
  const auto* type = http::find(exchange_->head().headers, "content-type");
  const bool asked = treatment_.scrub == policy::ScrubMode::automatic &&
                     !treatment_.forms->empty() && type != nullptr && policy::may_be_exempt(*type);
  if (!asked) co_return Result<void>();
  const auto until = Clock::now() + kSamplePatience;
  std::array<std::byte, policy::kExemptSample> buffer{};
  sample_.reserve(buffer.size());  // No copy is left behind.
  while (sample_.size() < buffer.size()) {
    const auto room = std::span(buffer).first(buffer.size() - sample_.size());
    auto got = co_await body_->read(room, until);
    if (!got) co_return fail(std::move(got).error());
    if (!*got) break;
    upstream_ended_ = **got == 0;
    if (upstream_ended_) break;
    sample_ += text_of(room.first(**got));
  }
  wipe(buffer.data(), buffer.size());
  if (policy::looks_binary(sample_)) treatment_.scrub = policy::ScrubMode::off;
  co_return Result<void>();
}

void Relay::choose_stages() {
  for (auto& stage : treatment_.stages) chain_.add(std::move(stage));
  if (treatment_.scrub == policy::ScrubMode::off || treatment_.forms->empty()) return;
  chain_.add(std::make_unique<ScrubStage>(treatment_.forms));
}

void Relay::say_length() {
  if (!body_->is_decoded() && chain_.keeps_bytes()) {
    content_length_ = exchange_->head().content_length;
  } else {
    policy::drop_digests(headers_);
  }
}

asio::awaitable<Result<void>> Relay::take_small_body() {
  const auto declared = exchange_->head().content_length.value_or(kSmallBody + 1);
  if (declared > kSmallBody || is_event_stream(headers_)) co_return Result<void>();
  std::vector<std::byte> buffer(std::clamp<std::uint64_t>(declared, 1, kPiece));
  // What was coded may turn out to be large after all.
  while (!upstream_ended_ && released_.size() <= kSmallBody) {
    auto took = co_await take(buffer);
    if (!took) co_return fail(std::move(took).error());
  }
  wipe(buffer.data(), buffer.size());
  if (upstream_ended_) content_length_ = released_.size();
  co_return Result<void>();
}

asio::awaitable<Result<void>> Relay::hold_back() {
  if (is_event_stream(headers_)) co_return Result<void>();
  const auto until = Clock::now() + kHoldPatience;
  std::vector<std::byte> buffer(kPiece);
  bool late = false;
  while (!upstream_ended_ && !late && released_.size() <= kSmallBody) {
    auto took = co_await take(buffer, until);
    if (!took) co_return fail(std::move(took).error());
    late = !took->has_value();
  }
  wipe(buffer.data(), buffer.size());
  if (upstream_ended_) content_length_ = released_.size();
  co_return Result<void>();
}

Result<void> Relay::pass_on(std::string_view raw) { return chain_.feed(raw, released_); }

// Moves bytes of the upstream to released_, through `buffer`; says how many it held. nullopt:
// nothing came until `when`.
asio::awaitable<Result<std::optional<std::size_t>>> Relay::take(
    std::span<std::byte> buffer, std::optional<Clock::time_point> when) {
  auto got = co_await body_->read(buffer, when);
  if (!got) co_return fail(co_await failed(std::move(got).error()));
  if (!*got) co_return got;
  const auto size = **got;
  upstream_ended_ = size == 0;
  auto passed = upstream_ended_ ? chain_.finish(released_) : pass_on(text_of(buffer.first(size)));
  if (!passed) {
    wipe(buffer.data(), size);
    co_return fail(co_await failed(std::move(passed).error()));
  }
  co_return got;
}

asio::awaitable<Result<std::size_t>> Relay::read(std::span<std::byte> into) {
  if (failure_) co_return fail(*failure_);
  std::size_t raw = 0;
  while (given_ == released_.size() && !upstream_ended_) {
    if (chain_.empty()) {
      auto got = co_await body_->read(into);
      if (!got) co_return fail(co_await failed(std::move(got).error()));
      const auto size = got->value_or(0);
      sent_ += size;
      upstream_ended_ = size == 0;
      if (!upstream_ended_) co_return size;
      break;
    }
    released_.clear();
    given_ = 0;
    auto took = co_await take(into);
    if (!took) co_return fail(std::move(took).error());
    raw = std::max(raw, took->value_or(0));
  }
  const auto size = std::min(into.size(), released_.size() - given_);
  std::memcpy(into.data(), released_.data() + given_, size);
  if (raw > size) wipe(into.data() + size, raw - size);  // What is held back stays here.
  given_ += size;
  sent_ += size;
  if (size == 0) {
    note_treatment();
    record_.ok(status(), bytes());
  }
  co_return size;
}

}  // namespace aivault::broker
