#include "server/stream.h"

#include <array>
#include <bit>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "base/encoding.h"
#include "base/text.h"
#include "http/chunked.h"
#include "protocol/headers.h"
#include "server/stream_pipe.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kTakesNothing(30);  // A client that does, is closed.
constexpr std::chrono::seconds kBetweenBytes(30);
constexpr std::chrono::seconds kWholeHead(60);
constexpr std::chrono::seconds kBetweenStreamed(300);
constexpr std::size_t kMaxHead = std::size_t{64} << 10U;
constexpr std::size_t kPiece = std::size_t{64} << 10U;

// A handler on the bulk thread, and what came of it once the pipe says that it is done.
struct Run {
  std::shared_ptr<Job> job;
  std::shared_ptr<StreamPipe> pipe;
  Result<admin::Answer> outcome = vault_unavailable("internal", "internal error");
};

// Whatever way the coroutine takes: the handler learns that nobody waits any more.
class Guard {
 public:
  Guard(Connection& connection, std::shared_ptr<StreamPipe> pipe)
      : connection_(connection), pipe_(std::move(pipe)) {
    // A client that is gone ends what is waited for on either side.
    connection_.on_hangup([this] {
      pipe_->abandon();
      connection_.interrupt();
    });
  }
  ~Guard() {
    connection_.on_hangup(nullptr);
    pipe_->abandon();
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Connection& connection_;
  std::shared_ptr<StreamPipe> pipe_;
};

Result<admin::Answer> handle_guarded(admin::Desk& desk, const Job& job) {
  try {
    return job.operation.handle(desk, job.request);
  } catch (const std::exception&) {
    return vault_unavailable("internal", "internal error");
  }
}

// nullptr: another one runs.
std::shared_ptr<Run> start(Turn& turn, std::shared_ptr<Job> job) {
  auto& core = turn.core;
  if (core.bulk_is_busy->exchange(true)) return nullptr;
  if (!core.bulk) core.bulk.emplace(1);
  auto run = std::make_shared<Run>();
  run->pipe = std::make_shared<StreamPipe>(core.loop);
  run->job = std::move(job);
  auto& stream = run->job->request.stream;
  auto* pipe = run->pipe.get();  // It outlives the job.
  stream.send = [pipe](std::string_view bytes) { return pipe->write(bytes); };
  stream.receive = [pipe](std::span<char> into) { return pipe->read(into); };
  stream.is_wanted = [pipe] { return !pipe->is_abandoned(); };
  asio::post(core.bulk->get_executor(), [run, &desk = core.desk, busy = core.bulk_is_busy] {
    run->outcome = handle_guarded(desk, *run->job);
    run->job.reset();  // Its body is wiped here.
    busy->store(false);
    run->pipe->finish();
  });
  return run;
}

asio::awaitable<void> refuse_busy(Turn& turn) {
  Error busy{ErrorCode::vault_unavailable,
             "busy",
             "vault busy: another backup or restore is under way",
             1};
  co_await turn.refuse(std::move(busy));
}

asio::awaitable<bool> send(Turn& turn, std::string_view first, std::string_view second) {
  const std::array<std::string_view, 2> parts = {first, second};
  turn.connection.limit(kTakesNothing);
  const auto sent = co_await turn.connection.send(parts);
  turn.connection.no_limit();
  if (sent != Io::ok) {
    turn.close = true;
    turn.connection.close();
  }
  co_return sent == Io::ok;
}

std::string head_of(Turn& turn) {
  turn.close = turn.keep() == Keep::close;
  auto head = status_line(200);
  add_header(head, "content-type", "application/octet-stream");
  add_header(head, "cache-control", "no-store");
  add_header(head, "x-content-type-options", "nosniff");
  add_header(head, protocol::kRequestId, turn.id);
  add_header(head, "transfer-encoding", "chunked");
  if (turn.close) add_header(head, "connection", "close");
  return head + "\r\n";
}

// The last chunk and what became of it; nullopt: it cannot be told.
std::optional<std::string> end_of(const Turn& turn, const Result<admin::Answer>& outcome) {
  std::string last = "0\r\n";
  if (!turn.head.accepts_trailers) {
    if (!outcome) return std::nullopt;
    return last + "\r\n";
  }
  add_header(last, protocol::kOutcome, outcome ? "ok" : "error");
  if (outcome) {
    for (const auto& [name, value] : outcome->trailers) add_header(last, name, value);
  } else {
    const auto& error = outcome.error();
    add_header(last, protocol::kError, to_string(error.code));
    if (!error.reason.empty()) add_header(last, protocol::kReason, error.reason);
    add_header(last, protocol::kMessage, percent_encode(error.message));
  }
  return last + "\r\n";
}

// The JSON in front of the bytes. False: it was answered.
asio::awaitable<bool> read_frame(Turn& turn, MemoryBudget::Share& memory, Job& job) {
  const auto* type = http::find(turn.head.headers, "content-type");
  if (type == nullptr || !equals_ignore_case(trim(*type), protocol::kEnvelopeType)) {
    Error error{ErrorCode::invalid_request,
                "content_type",
                "the body must be sent as " + std::string(protocol::kEnvelopeType),
                0};
    co_await turn.refuse(std::move(error));
    co_return false;
  }
  turn.body.set_pace(kBetweenBytes, kWholeHead);
  std::array<std::byte, 4> prefix{};
  std::size_t have = 0;
  Result<void> outcome;
  while (outcome && have < prefix.size()) {
    const auto room = std::span(prefix).subspan(have);
    const auto got = co_await turn.body.read(room);
    if (!got) {
      outcome = fail(got.error());
    } else if (*got == 0) {
      outcome = invalid_request("body_length", "the request body ended early");
    } else {
      have += *got;
    }
  }
  std::size_t size = 0;
  for (const auto byte : prefix) size = size << 8U | std::to_integer<std::size_t>(byte);
  const auto limit = std::min(kMaxHead, job.operation.max_body);
  if (outcome && (size == 0 || size > limit)) {
    outcome =
        invalid_request("body_length", "the JSON in front of the bytes is empty or too large");
  }
  if (outcome) outcome = co_await job.body.read_part(turn.body, memory, size);
  if (outcome) outcome = job.body.parse(limit);
  if (!outcome) {
    co_await turn.refuse_body(std::move(outcome).error());
    co_return false;
  }
  job.request.body = &job.body.value();
  turn.body.set_pace(kBetweenStreamed, std::nullopt);
  co_return true;
}

}  // namespace

asio::awaitable<void> answer_download(Turn& turn, std::shared_ptr<Job> job) {
  const auto run = start(turn, std::move(job));
  if (!run) {
    co_await refuse_busy(turn);
    co_return;
  }
  const Guard guard(turn.connection, run->pipe);
  auto bytes = co_await run->pipe->take();
  if (bytes.empty()) {
    if (run->pipe->is_abandoned()) {
      turn.close = true;
      turn.connection.close();
      co_return;
    }
    Error error = run->outcome
                      ? Error{ErrorCode::vault_unavailable, "internal", "internal error", 0}
                      : run->outcome.error();
    co_await turn.refuse(std::move(error));
    co_return;
  }
  auto before = head_of(turn);
  while (!bytes.empty()) {
    before += http::chunk_header(bytes.size());
    bytes += "\r\n";
    const bool sent = co_await send(turn, before, bytes);
    if (!sent) co_return;
    before.clear();
    bytes = co_await run->pipe->take();
  }
  const auto end = run->pipe->is_abandoned() ? std::nullopt : end_of(turn, run->outcome);
  if (!end) {
    turn.close = true;
    turn.connection.close();
    co_return;
  }
  const std::string_view nothing;
  co_await send(turn, *end, nothing);
}

asio::awaitable<void> answer_upload(Turn& turn,
                                    MemoryBudget::Share& memory,
                                    std::shared_ptr<Job> job) {
  const bool framed = co_await read_frame(turn, memory, *job);
  if (!framed) co_return;
  const auto run = start(turn, std::move(job));
  if (!run) {
    co_await refuse_busy(turn);
    co_return;
  }
  const Guard guard(turn.connection, run->pipe);
  std::vector<std::byte> piece(kPiece);
  std::optional<Error> broken;
  bool wanted = true;
  while (wanted && !broken && !turn.body.complete()) {
    const auto got = co_await turn.body.read(piece);
    if (!got) {
      broken = got.error();
    } else if (*got > 0) {
      const auto bytes = text_of(std::span(piece).first(*got));
      wanted = co_await run->pipe->give(bytes);
    }
  }
  if (broken) {
    run->pipe->abandon();
    co_await run->pipe->finished();
    co_await turn.refuse_body(*std::move(broken));
    co_return;
  }
  run->pipe->end_input();
  co_await run->pipe->finished();
  if (!run->outcome) {
    co_await turn.refuse(run->outcome.error());
    co_return;
  }
  auto reply = reply_of(std::move(*run->outcome));
  co_await turn.reply(*std::move(reply));
}

}  // namespace aivault::server
