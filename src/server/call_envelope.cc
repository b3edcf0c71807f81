#include "server/call_envelope.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/text.h"
#include "protocol/frame.h"
#include "protocol/headers.h"
#include "server/decode.h"
#include "server/json_body.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPiece = std::size_t{16} << 10U;
constexpr std::chrono::seconds kBetweenBytes(30);
constexpr std::chrono::seconds kWholeEnvelope(60);
constexpr std::chrono::seconds kStreamPatience(300);

// What follows the envelope: first what came together with it, then the rest of the body.
class AnnouncedBytes final : public upstream::BodySource {
 public:
  AnnouncedBytes(RequestBody& body, std::string early) : body_(body), early_(std::move(early)) {}

  asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override {
    if (given_ == early_.size()) co_return co_await body_.read(into);
    const auto size = std::min(into.size(), early_.size() - given_);
    std::memcpy(into.data(), early_.data() + given_, size);
    given_ += size;
    co_return size;
  }

 private:
  RequestBody& body_;
  std::string early_;
  std::size_t given_ = 0;
};

Result<protocol::Envelope> parse_guarded(std::string_view json, protocol::Completion completion) {
  try {
    return protocol::parse_envelope(json, completion);
  } catch (const std::exception&) {
    return vault_unavailable("internal", "internal error");
  }
}

// What a decoder holds at most once it was given `more` bytes.
std::size_t room_of(const protocol::FrameDecoder& frame, std::size_t more) {
  const auto room = std::bit_ceil(frame.json().size() + more);
  return std::clamp(room, protocol::kFirstFrameRoom, protocol::kMaxEnvelope);
}

asio::awaitable<Result<CallEnvelope>> read_framed(Core& core,
                                                  MemoryBudget::Share& memory,
                                                  RequestBody& body,
                                                  protocol::Completion completion) {
  auto frame = std::make_shared<protocol::FrameDecoder>();
  std::vector<std::byte> piece(kPiece);
  std::string early;
  while (!frame->done()) {
    auto got = co_await body.read(piece);
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0) break;
    const auto bytes = text_of(std::span(piece).first(*got));
    CO_TRY(memory.hold(room_of(*frame, bytes.size())));
    CO_TRY_ASSIGN(const auto used, frame->feed(bytes));
    early = bytes.substr(used);
  }
  CO_TRY(frame->finish());
  const auto size = frame->json().size();
  CO_TRY(memory.hold(size));
  auto work = [frame = std::move(frame), completion] {
    return parse_guarded(frame->json(), completion);
  };
  CallEnvelope result;
  CO_TRY_ASSIGN(result.envelope, co_await decode(core.decoder, size, std::move(work)));
  body.set_pace(kStreamPatience, std::nullopt);
  result.announced = std::make_unique<AnnouncedBytes>(body, std::move(early));
  co_return result;
}

asio::awaitable<Result<CallEnvelope>> read_plain(Core& core,
                                                 MemoryBudget::Share& memory,
                                                 RequestBody& body,
                                                 protocol::Completion completion,
                                                 bool& too_large) {
  auto json = std::make_shared<JsonBody>();
  CO_TRY(co_await json->read(body, memory, protocol::kMaxEnvelope, too_large));
  const auto size = json->text().size();
  auto work = [json = std::move(json), completion] {
    return parse_guarded(json->text(), completion);
  };
  CallEnvelope result;
  CO_TRY_ASSIGN(result.envelope, co_await decode(core.decoder, size, std::move(work)));
  co_return result;
}

}  // namespace

asio::awaitable<Result<CallEnvelope>> read_envelope(Core& core,
                                                    MemoryBudget::Share& memory,
                                                    const http::Headers& headers,
                                                    RequestBody& body,
                                                    protocol::Completion completion,
                                                    bool& too_large) {
  const auto* type = http::find(headers, "content-type");
  const auto text = type == nullptr ? std::string_view() : trim(*type);
  const bool is_framed = equals_ignore_case(text, protocol::kEnvelopeType);
  if (!is_framed && !is_json_type(text)) {
    co_return invalid_request(
        "content_type",
        "a call is sent as application/json or " + std::string(protocol::kEnvelopeType));
  }
  body.set_pace(kBetweenBytes, kWholeEnvelope);
  if (is_framed) co_return co_await read_framed(core, memory, body, completion);
  co_return co_await read_plain(core, memory, body, completion, too_large);
}

}  // namespace aivault::server
