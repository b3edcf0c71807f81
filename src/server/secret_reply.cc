#include "server/secret_reply.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/reveal.h"
#include "server/stream.h"

namespace aivault::server {

namespace asio = boost::asio;

asio::awaitable<void> reply_with_token(Turn& turn, admin::Answer answer) {
  const auto token = std::move(answer.token);
  auto reply = reply_of(std::move(answer));
  const auto wire = reply && token ? turn.wire_of(*reply) : std::string();
  const auto at = wire.find(admin::kTokenPlace);
  const auto value = token ? token->text(Reveal()) : std::string_view();
  if (at == std::string::npos || value.size() != admin::kTokenPlace.size()) {
    Error error{ErrorCode::vault_unavailable, "internal", "internal error", 0};
    co_await turn.refuse(std::move(error));
    co_return;
  }
  const auto text = std::string_view(wire);
  const std::array<std::string_view, 3> parts = {
      text.substr(0, at), value, text.substr(at + value.size())};
  co_await turn.send(parts);
}

}  // namespace aivault::server
