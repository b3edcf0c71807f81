#include "cli/operator_exchange.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "cli/secret_output.h"
#include "json/parse.h"
#include "protocol/error_body.h"

namespace aivault::cli {
namespace {

constexpr std::chrono::seconds kAnswerLimit{300};
constexpr std::size_t kMaxValues = 10'000'000;
constexpr json::Limits kAnswerLimits{
    .bytes = std::size_t{64} << 20U, .depth = 64, .keys = kMaxValues, .values = kMaxValues};
constexpr std::size_t kPiece = std::size_t{64} << 10U;
constexpr std::string_view kStatusLine = "HTTP/1.1 1";  // Of an interim answer.

auto invalid(std::string detail) {
  return invalid_request(std::string(kInvalidResponse), std::move(detail));
}
auto closed() {
  return vault_unavailable(std::string(kConnectionLost), "the connection was closed");
}

// What an error of an operator route reads like: the bare message, except for a refused operator.
Error shown(Error error) {
  if (error.code == ErrorCode::operator_auth_required) error.message = protocol::to_text(error);
  return error;
}

// Waits for more of an answer. False: there is no more.
Result<bool> wait_for_more(Connection& connection, ResponseReader& answer) {
  TRY_ASSIGN(const bool more, connection.receive(kAnswerLimit));
  if (!more) TRY(answer.end_of_input());
  return more;
}

Result<std::string> read_text(Connection& connection, ResponseReader& answer) {
  std::string body;
  while (true) {
    TRY_ASSIGN(const auto piece, answer.next_piece());
    if (piece.is_end) return body;
    body += piece.data;
    if (body.size() > kAnswerLimits.bytes) return invalid("too large");
    if (!piece.needs_more) continue;
    TRY_ASSIGN(const bool more, wait_for_more(connection, answer));
    if (!more) return body;
  }
}

// The head of the final answer; an error object is the error.
Result<ResponseReader> read_final_head(Connection& connection) {
  ResponseReader answer(connection);
  while (true) {
    TRY_ASSIGN(const bool ready, answer.read_head());
    if (ready) break;
    TRY_ASSIGN(const bool more, connection.receive(kAnswerLimit));
    if (!more) return closed();
  }
  const int status = answer.head().status;
  constexpr int kFirstError = 400;
  if (status < kFirstError) return answer;
  TRY_ASSIGN(const auto body, read_text(connection, answer));
  auto error = protocol::error_from_json(body);
  if (error) return fail(shown(*std::move(error)));
  return invalid("status " + std::to_string(status) + " without an error object");
}

enum class Reply : std::uint8_t { go_on, final_answer };

Result<Reply> wait_for_continue(Connection& connection) {
  ResponseReader interim(connection);
  while (true) {
    const auto received = connection.received();
    if (received.starts_with(kStatusLine)) {
      TRY_ASSIGN(const bool ready, interim.read_head(ResponseReader::Interim::stop_at_continue));
      if (ready && interim.was_continue()) return Reply::go_on;
      if (ready) return invalid("unexpected answer");
    } else if (received.size() >= kStatusLine.size()) {
      return Reply::final_answer;
    }
    TRY_ASSIGN(const bool more, connection.receive(kAnswerLimit));
    if (!more) return closed();
  }
}

// A daemon that has answered already takes no more.
bool has_answered(const Connection& connection) {
  pollfd waiting{.fd = connection.descriptor(), .events = POLLIN | POLLOUT, .revents = 0};
  if (poll(&waiting, 1, -1) < 0) return false;
  return (waiting.revents & (POLLIN | POLLHUP | POLLERR)) != 0;
}

Result<void> send_file(Connection& connection, const Upload& body) {
  std::array<char, kPiece> piece{};
  auto left = body.file_size;
  while (left > 0) {
    if (has_answered(connection)) return {};
    const auto most = std::min<std::uint64_t>(piece.size(), left);
    const auto got = read(body.file, piece.data(), static_cast<std::size_t>(most));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return invalid_request("", std::string("cannot read: ") + std::strerror(errno));
    if (got == 0) return invalid_request("", "the file became shorter while it was read");
    left -= static_cast<std::uint64_t>(got);
    TRY(connection.send({piece.data(), static_cast<std::size_t>(got)}));
  }
  return {};
}

Result<void> send_body(Connection& connection, const Upload& body) {
  TRY(connection.send(body.text));
  if (body.secret != nullptr) TRY(send_secret(connection, *body.secret));
  return send_file(connection, body);
}

// Whoever read our stdout has gone: so do we.
void end_if_nobody_reads(const Connection& connection, int limit) {
  std::array<pollfd, 2> waiting{
      pollfd{.fd = connection.descriptor(), .events = POLLIN, .revents = 0},
      pollfd{.fd = STDOUT_FILENO, .events = 0, .revents = 0}};
  poll(waiting.data(), waiting.size(), limit);
  if ((waiting[1].revents & POLLERR) == 0) return;
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

}  // namespace

std::uint64_t Upload::size() const {
  return text.size() + (secret == nullptr ? 0 : secret->size()) + file_size;
}

std::string request_head(std::string_view method, const std::string& target) {
  return std::string(method) + " " + target + " HTTP/1.1\r\nhost: aivault\r\n";
}

Result<ResponseReader> send_request(Connection& connection,
                                    const std::string& head,
                                    const Upload* body) {
  if (body == nullptr) {
    TRY(connection.send(head + "\r\n"));
    return read_final_head(connection);
  }
  TRY(connection.send(head + "content-type: " + std::string(body->type) + "\r\ncontent-length: " +
                      std::to_string(body->size()) + "\r\nexpect: 100-continue\r\n\r\n"));
  TRY_ASSIGN(const auto reply, wait_for_continue(connection));
  if (reply == Reply::go_on) {
    auto sent = send_body(connection, *body);
    // What the daemon said before it hung up counts, not the failed write.
    if (!sent && sent.error().reason != kConnectionLost) return fail(std::move(sent).error());
  }
  return read_final_head(connection);
}

Result<json::Value> read_document(Connection& connection, ResponseReader& answer) {
  TRY_ASSIGN(const auto body, read_text(connection, answer));
  auto value = json::parse(body, kAnswerLimits);
  if (!value) return invalid(value.error().message);
  return value;
}

Result<void> read_bytes(Connection& connection,
                        ResponseReader& answer,
                        Patience patience,
                        const ByteSink& sink) {
  while (true) {
    TRY_ASSIGN(const auto piece, answer.next_piece());
    if (!piece.data.empty()) TRY(sink(piece.data));
    if (piece.is_end) return {};
    if (!piece.needs_more) continue;
    if (patience == Patience::while_read) end_if_nobody_reads(connection, -1);
    TRY_ASSIGN(const bool more, wait_for_more(connection, answer));
    if (!more) return {};
  }
}

}  // namespace aivault::cli
