#include "server/turn.h"

#include <array>
#include <utility>

namespace aivault::server {
namespace {

namespace asio = boost::asio;
constexpr std::chrono::seconds kAnswerPatience(30);  // Without the client taking a byte.

}  // namespace

Keep Turn::keep() const {
  return close || core.draining || !body.complete() ? Keep::close : Keep::open;
}

asio::awaitable<void> Turn::reply(Reply reply) {
  const auto wire = wire_of(reply);
  // The answer to HEAD ends with its head, whatever it says (RFC 9110 9.3.2).
  const auto unsent = head.method == "HEAD" ? reply.body.size() : 0;
  const std::array<std::string_view, 1> parts = {
      std::string_view(wire).substr(0, wire.size() - unsent)};
  co_await send(parts);
}

std::string Turn::wire_of(const Reply& reply) {
  close = keep() == Keep::close;
  core.count_error(reply.status);
  return to_wire(reply, id, close ? Keep::close : Keep::open);
}

asio::awaitable<void> Turn::send(std::span<const std::string_view> parts) {
  connection.limit(kAnswerPatience);
  const auto sent = co_await connection.send(parts);
  connection.no_limit();
  if (sent != Io::ok) {
    close = true;
    connection.close();
  }
}

asio::awaitable<void> Turn::refuse(Error error, int status) {
  auto answer = error_reply(error, status);
  co_await reply(std::move(answer));
}

asio::awaitable<void> Turn::refuse_body(Error error) {
  constexpr int kTimeout = 408;
  const auto failure = body.failure();
  if (failure == RequestBody::Failure::lost) {
    close = true;
    connection.close();
    co_return;
  }
  if (failure) close = true;
  co_await refuse(std::move(error), failure == RequestBody::Failure::late ? kTimeout : 0);
}

}  // namespace aivault::server
