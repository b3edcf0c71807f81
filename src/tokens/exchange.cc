#include "tokens/exchange.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

#include "auth/sign_token_request.h"
#include "base/reveal.h"
#include "base/text.h"

namespace aivault::tokens {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMostBytes = std::size_t{256} << 10U;

class SecretBody final : public upstream::BodySource {
 public:
  explicit SecretBody(const Secret& body) : rest_(body.bytes(Reveal())) {}
  asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override {
    const auto size = std::min(into.size(), rest_.size());
    std::memcpy(into.data(), rest_.data(), size);
    rest_ = rest_.subspan(size);
    co_return size;
  }

 private:
  std::span<const std::byte> rest_;
};

http::Headers headers_of(const TokenRequest& request, const Requester& requester) {
  http::Headers headers = {{"accept", request.accept}, {"accept-encoding", "identity"}};
  if (!request.content_type.empty()) headers.push_back({"content-type", request.content_type});
  headers.push_back({"user-agent", "aivault/" + requester.version});
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  return headers;
}

// As seconds; a date, which clocks disagree about, counts as not stated.
int retry_after_of(const http::Headers& headers) {
  const auto* stated = http::find(headers, "retry-after");
  if (stated == nullptr) return 0;
  const auto text = trim(*stated);
  int seconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool number = error == std::errc{} && stop == text.data() + text.size();
  return number && seconds > 0 ? seconds : 0;
}

asio::awaitable<Result<Secret>> read_whole(upstream::Exchange& exchange) {
  const auto too_large = [] {
    return fail(
        ErrorCode::auth_failed, "oauth_response", "oauth2 token response is larger than 256 KiB");
  };
  const auto declared = exchange.head().content_length;
  if (!exchange.head().body_expected) co_return Secret();
  if (declared.value_or(0) > kMostBytes) co_return too_large();
  auto buffer = Secret::zeroed(static_cast<std::size_t>(declared.value_or(8192)) + 1);
  std::size_t used = 0;
  while (true) {
    if (used == buffer.size()) {
      if (used > kMostBytes) co_return too_large();
      auto larger = Secret::zeroed(std::min(2 * used, kMostBytes + 1));
      std::ranges::copy(buffer.bytes(Reveal()), larger.writable(Reveal()).begin());
      buffer = std::move(larger);
    }
    auto got = co_await exchange.read(buffer.writable(Reveal()).subspan(used));
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0) break;
    used += *got;
  }
  co_return Secret::copy_of(buffer.bytes(Reveal()).first(used));
}

}  // namespace

asio::awaitable<Result<Reply>> exchange(upstream::Client& client,
                                        const policy::TokenEndpoint& endpoint,
                                        const TokenRequest& request,
                                        const Requester& requester) {
  auto headers = headers_of(request, requester);
  auto sent = auth::sign_token_request(
      endpoint, std::move(headers), request.body.size(), request.authorization);
  if (!sent) co_return fail(std::move(sent).error());
  upstream::Destination destination;
  destination.pool_key = "tokens " + requester.credential;
  destination.extra_ca_pem = requester.extra_ca_pem;
  upstream::Timeouts timeouts;
  timeouts.total = std::chrono::seconds(30);
  SecretBody body(request.body);
  upstream::BodySource* source = request.body.empty() ? nullptr : &body;
  auto answer = co_await client.send(*std::move(sent), std::move(destination), source, timeouts);
  if (!answer) co_return fail(std::move(answer).error());
  auto text = co_await read_whole(**answer);
  if (!text) co_return fail(std::move(text).error());
  const auto& head = (*answer)->head();
  co_return Reply(head.status, retry_after_of(head.headers), *text);
}

}  // namespace aivault::tokens
