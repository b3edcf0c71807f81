#include "server/one_shot.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/text.h"
#include "base/wipe.h"
#include "json/write.h"
#include "protocol/one_shot.h"
#include "server/hangup_watch.h"
#include "server/memory_budget.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kWhole(10);
constexpr std::chrono::seconds kPatience(30);
constexpr std::size_t kPiece = std::size_t{16} << 10U;
constexpr std::size_t kMaxBody = std::size_t{64} << 20U;
constexpr std::size_t kEncodedAtOnce = std::size_t{48} << 10U;  // A multiple of 3.

Error incomplete() {
  return Error{ErrorCode::invalid_request, "http_syntax", "request incomplete", 0};
}

class OneShotExchange {
 public:
  OneShotExchange(Core& core, Connection& connection, const broker::Caller& caller)
      : core_(core), connection_(connection), caller_(caller) {}

  asio::awaitable<void> run(std::string id, std::function<void()> cancel);

 private:
  asio::awaitable<Result<void>> receive();
  Result<protocol::OneShot> parse() const;
  asio::awaitable<Io> send(std::string_view text);
  asio::awaitable<void> send_buffered(broker::Answer& answer, const protocol::OneShot& request);
  asio::awaitable<void> send_lines(broker::Answer& answer, const protocol::OneShot& request);
  asio::awaitable<Result<std::string>> body_of(broker::Answer& answer);
  asio::awaitable<void> send_body(std::string_view body, const protocol::OneShotFrame& frame);
  broker::Call call_of(protocol::OneShot& request, std::string id) const;

  Core& core_;
  Connection& connection_;
  const broker::Caller& caller_;
  MemoryBudget::Share memory_{core_.memory, caller_.uid, caller_.is_operator};
};

asio::awaitable<Io> OneShotExchange::send(std::string_view text) {
  const std::array<std::string_view, 1> parts = {text};
  connection_.limit(kPatience);
  const auto sent = co_await connection_.send(parts);
  connection_.no_limit();
  co_return sent;
}

// To the end of the client's sending; the request is then in connection_.received().
asio::awaitable<Result<void>> OneShotExchange::receive() {
  connection_.limit(kWhole);
  auto io = Io::ok;
  while (io == Io::ok && connection_.received().size() <= protocol::kMaxOneShot) {
    CO_TRY(memory_.hold(connection_.received().size() * 2));
    io = co_await connection_.receive();
  }
  connection_.no_limit();
  if (io == Io::ended) co_return Result<void>();
  if (io == Io::ok) {
    co_return fail(
        Error{ErrorCode::invalid_request, "envelope_json", "invalid request JSON: too large", 0});
  }
  co_return fail(incomplete());
}

Result<protocol::OneShot> OneShotExchange::parse() const {
  try {
    return protocol::parse_one_shot(connection_.received());
  } catch (const std::exception&) {
    return vault_unavailable("internal", "internal error");
  }
}

broker::Call OneShotExchange::call_of(protocol::OneShot& request, std::string id) const {
  broker::Call call;
  call.caller = caller_;
  call.request_id = std::move(id);
  call.envelope = std::move(request.envelope);
  call.workspace = std::move(request.workspace);
  call.group = std::move(request.group);
  call.client_ip = std::move(request.client_ip);
  if (request.timeout_ms) {
    call.timeout = std::chrono::milliseconds(std::max<std::int64_t>(1, *request.timeout_ms));
  }
  return call;
}

asio::awaitable<Result<std::string>> OneShotExchange::body_of(broker::Answer& answer) {
  std::string body;
  std::vector<std::byte> piece(kPiece);
  for (;;) {
    auto got = co_await answer.read(piece);
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0) co_return body;
    body += text_of(std::span(piece).first(*got));
    if (body.size() > kMaxBody) {
      co_return policy_violation("response_too_large", "response too large for a one-shot frame");
    }
    CO_TRY(memory_.hold(body.capacity()));
  }
}

asio::awaitable<void> OneShotExchange::send_body(std::string_view body,
                                                 const protocol::OneShotFrame& frame) {
  auto io = co_await send(frame.before);
  for (std::size_t at = 0; at < body.size() && io == Io::ok; at += kEncodedAtOnce) {
    const auto piece = base64(bytes_of(body.substr(at, kEncodedAtOnce)));
    io = co_await send(piece);
  }
  if (io == Io::ok) io = co_await send(frame.between);
  if (io != Io::ok) co_return;
  const auto text = is_valid_utf8(body) ? json::quoted(body) : std::string("null");
  io = co_await send(text);
  if (io == Io::ok) co_await send(frame.after);
}

asio::awaitable<void> OneShotExchange::send_buffered(broker::Answer& answer,
                                                     const protocol::OneShot& request) {
  auto body = co_await body_of(answer);
  if (!body) {
    const auto failure = protocol::one_shot_failure(request, body.error());
    co_await send(failure);
    co_return;
  }
  const auto frame = protocol::one_shot_frame(answer.status(), answer.headers());
  co_await send_body(*body, frame);
}

asio::awaitable<void> OneShotExchange::send_lines(broker::Answer& answer,
                                                  const protocol::OneShot& request) {
  std::vector<std::byte> piece(kPiece);
  for (;;) {
    auto got = co_await answer.read(piece);
    std::string line = protocol::one_shot_end();
    if (!got) {
      line = protocol::one_shot_failure(request, got.error());
    } else if (*got > 0) {
      line = protocol::one_shot_chunk(text_of(std::span(piece).first(*got)));
    }
    const auto io = co_await send(line);
    if (io != Io::ok || !got || *got == 0) co_return;
  }
}

asio::awaitable<void> OneShotExchange::run(std::string id, std::function<void()> cancel) {
  auto received = co_await receive();
  Result<protocol::OneShot> request = fail(incomplete());
  if (received) request = parse();
  if (!received) request = fail(std::move(received).error());
  connection_.consume(connection_.received().size());
  connection_.release_buffer();
  if (!request) {
    core_.broker.record_refusal(caller_, id, request.error());
    const auto failure = protocol::one_shot_failure(request.error());
    co_await send(failure);
    co_return;
  }
  if (request->is_health && !request->streams) {
    const auto health = protocol::one_shot_health();
    co_await send(health);
    co_return;
  }
  const HangupWatch watch(core_.loop, connection_, caller_.door, std::move(cancel));
  auto call = call_of(*request, std::move(id));
  auto answer = co_await core_.broker.invoke(std::move(call));
  if (!answer) {
    const auto failure = protocol::one_shot_failure(*request, answer.error());
    co_await send(failure);
  } else if (request->streams) {
    co_await send_lines(**answer, *request);
  } else {
    co_await send_buffered(**answer, *request);
  }
  if (core_.hooks.on_call_answered) core_.hooks.on_call_answered();
}

}  // namespace

asio::awaitable<void> answer_one_shot(Core& core,
                                      Connection& connection,
                                      const broker::Caller& caller,
                                      std::string id,
                                      std::function<void()> cancel) {
  OneShotExchange exchange(core, connection, caller);
  co_await exchange.run(std::move(id), std::move(cancel));
}

}  // namespace aivault::server
