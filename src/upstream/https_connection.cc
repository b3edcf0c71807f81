#include "upstream/https_connection.h"

#include <fcntl.h>
#include <openssl/err.h>

#include <chrono>
#include <memory>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/reveal.h"
#include "upstream/client_identity.h"

namespace aivault::upstream {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

// How long one address may keep us from trying the next one.
constexpr std::chrono::milliseconds kAttempt{2500};
// Reads or writes that never had to wait before other work gets its turn: about 256 KiB.
constexpr unsigned kUsesInARow = 16;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

HttpsConnection::HttpsConnection(const asio::any_io_executor& executor, http::Authority host)
    : socket_(executor), host_(std::move(host)) {}

HttpsConnection::~HttpsConnection() { close(); }

Error HttpsConnection::lost() const {
  return Error{ErrorCode::upstream_unreachable,
               "connection_lost",
               "the connection to " + host_.text() + " was lost",
               0};
}

asio::awaitable<Result<void>> HttpsConnection::connect(const std::vector<Tcp::endpoint>& checked) {
  Result<void> last = fail(lost());
  for (const auto& endpoint : checked) {
    last = co_await connect_one(endpoint, &endpoint == &checked.back());
    if (last || closed_) break;
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) break;
  }
  co_return last;
}

asio::awaitable<Result<void>> HttpsConnection::connect_one(const Tcp::endpoint& endpoint,
                                                           bool is_last) {
  const auto refuse = [this](const std::string& why) {
    return fail(ErrorCode::upstream_unreachable,
                "connect",
                "cannot connect to " + host_.text() + ": " + why);
  };
  error_code error;
  socket_.close(error);
  socket_.open(endpoint.protocol(), error);
  if (error) co_return refuse(error.message());
  // Asio opens sockets that a started program would inherit.
  static_cast<void>(::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC));
  asio::steady_timer attempt(socket_.get_executor());
  // The token dies with this attempt: a late alarm must not disturb what follows.
  auto token = std::make_shared<int>();
  if (!is_last) {
    attempt.expires_after(kAttempt);
    attempt.async_wait([this, alive = std::weak_ptr(token)](const error_code& late) {
      if (!late && !alive.expired()) socket_.cancel();
    });
  }
  const auto [failure] = co_await socket_.async_connect(endpoint, kAsTuple);
  token.reset();
  if (closed_) co_return fail(lost());
  if (failure) {
    socket_.close(error);
    co_return refuse(failure == asio::error::operation_aborted ? "no answer" : failure.message());
  }
  if (socket_.remote_endpoint(error) != endpoint || error) {
    close();
    co_return refuse("the peer is not the checked address");
  }
  socket_.set_option(Tcp::no_delay(true), error);
  socket_.native_non_blocking(true, error);
  bio_.descriptor = socket_.native_handle();
  co_return Result<void>();
}

HttpsConnection::Want HttpsConnection::wanted_after(int result) const {
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Want::read;
    case SSL_ERROR_WANT_WRITE: return Want::write;
    default: return Want::nothing;
  }
}

asio::awaitable<Result<void>> HttpsConnection::wait(WaitType type) {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (!is_open() || state.cancelled() != asio::cancellation_type::none) co_return fail(lost());
  const auto [error] = co_await socket_.async_wait(type, kAsTuple);
  if (error || !is_open()) co_return fail(lost());
  co_return Result<void>();
}

asio::awaitable<void> HttpsConnection::give_others_a_turn(unsigned& uses_without_wait) {
  if (++uses_without_wait <= kUsesInARow) co_return;
  uses_without_wait = 0;
  const auto executor = socket_.get_executor();
  co_await asio::post(executor, asio::use_awaitable);
}

// What ended a session that had been set up. In TLS 1.3 a peer judges a client certificate only
// when the handshake is over for us.
Error HttpsConnection::failed() {
  const auto why = refused_certificate();
  ERR_clear_error();
  if (why && shows_identity_) {
    refusal_ = Error{ErrorCode::auth_failed,
                     "tls_client_certificate",
                     host_.text() + " refused the client certificate: " + std::string(*why),
                     0};
  } else if (why) {
    refusal_ = Error{ErrorCode::upstream_unreachable,
                     "tls",
                     "TLS with " + host_.text() + " failed: it asks for a client certificate",
                     0};
  }
  return refusal_ ? *refusal_ : lost();
}

asio::awaitable<Result<void>> HttpsConnection::handshake(SSL_CTX* context,
                                                         const auth::ClientIdentity* identity) {
  auto made = make_session(context, host_);
  if (!made) co_return fail(std::move(made).error());
  session_ = *std::move(made);
  if (identity != nullptr) {
    CO_TRY(present(session_.get(), *identity));
    shows_identity_ = true;
  }
  auto* bio = make_socket_bio(&bio_);
  if (bio == nullptr) co_return vault_unavailable("internal", "no memory for a connection");
  SSL_set_bio(session_.get(), bio, bio);
  for (;;) {
    if (!is_open()) co_return fail(lost());
    ERR_clear_error();
    const int result = SSL_connect(session_.get());
    if (result == 1) break;
    const auto want = wanted_after(result);
    if (want == Want::nothing) {
      const bool theirs = SSL_get_verify_result(session_.get()) == X509_V_OK;
      const bool refused = theirs && shows_identity_ && refused_certificate();
      auto error = refused ? failed() : tls_error(session_.get(), host_);
      close();
      co_return fail(std::move(error));
    }
    CO_TRY(co_await wait(want == Want::read ? WaitType::wait_read : WaitType::wait_write));
  }
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(session_.get(), &protocol, &size);
  const std::string_view chosen(reinterpret_cast<const char*>(protocol), size);
  const bool verified = SSL_get_verify_result(session_.get()) == X509_V_OK;
  if (!verified || (!chosen.empty() && chosen != "http/1.1")) {
    auto error = tls_error(session_.get(), host_);
    close();
    co_return fail(std::move(error));
  }
  bio_.bytes_sent = 0;
  co_return Result<void>();
}

asio::awaitable<Result<void>> HttpsConnection::write_head(const Secret& head) {
  const auto bytes = head.bytes(Reveal());
  co_return co_await write(bytes);
}

asio::awaitable<Result<void>> HttpsConnection::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    co_await give_others_a_turn(writes_without_wait_);
    if (!is_open()) co_return fail(lost());
    ERR_clear_error();
    std::size_t written = 0;
    const int result = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &written);
    if (result == 1) {
      bytes = bytes.subspan(written);
      continue;
    }
    const auto want = wanted_after(result);
    if (want == Want::nothing) {
      // Why the peer closed may be among what it had sent before.
      std::byte next{};
      SSL_peek(session_.get(), &next, 1);
      co_return fail(failed());
    }
    writes_without_wait_ = 0;
    CO_TRY(co_await wait(want == Want::read ? WaitType::wait_read : WaitType::wait_write));
  }
  co_return Result<void>();
}

asio::awaitable<Result<std::size_t>> HttpsConnection::read_some(std::span<std::byte> into) {
  co_await give_others_a_turn(reads_without_wait_);
  for (;;) {
    if (!is_open()) co_return fail(lost());
    ERR_clear_error();
    std::size_t received = 0;
    const int result = SSL_read_ex(session_.get(), into.data(), into.size(), &received);
    if (result == 1) co_return received;
    if (SSL_get_error(session_.get(), result) == SSL_ERROR_ZERO_RETURN && !refusal_) {
      co_return std::size_t{0};
    }
    const auto want = wanted_after(result);
    if (want == Want::nothing) co_return fail(failed());
    reads_without_wait_ = 0;
    CO_TRY(co_await wait(want == Want::read ? WaitType::wait_read : WaitType::wait_write));
  }
}

// False: nothing came until `when`.
asio::awaitable<bool> HttpsConnection::wait_readable(std::chrono::steady_clock::time_point when) {
  asio::steady_timer patience(socket_.get_executor(), when);
  auto late = std::make_shared<bool>(false);
  patience.async_wait([this, weak = std::weak_ptr(late)](const error_code& error) {
    const auto flag = weak.lock();
    if (error || !flag) return;
    *flag = true;
    socket_.cancel();
  });
  co_await socket_.async_wait(WaitType::wait_read, kAsTuple);
  co_return !*late;
}

asio::awaitable<bool> HttpsConnection::is_readable_before(
    std::chrono::steady_clock::time_point when) {
  for (;;) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (!is_open() || state.cancelled() != asio::cancellation_type::none) co_return true;
    ERR_clear_error();
    std::byte next{};
    const int result = SSL_peek(session_.get(), &next, 1);
    if (result > 0 || wanted_after(result) != Want::read) co_return true;
    if (std::chrono::steady_clock::now() >= when) co_return false;
    const bool readable = co_await wait_readable(when);
    if (!readable && is_open()) co_return false;
  }
}

bool HttpsConnection::is_quiet() {
  if (!is_open() || !session_) return false;
  ERR_clear_error();
  // Tickets and key updates are handled inside; only data or an end is a reason to give up.
  std::byte unexpected{};
  const int result = SSL_peek(session_.get(), &unexpected, 1);
  return result <= 0 && wanted_after(result) == Want::read;
}

void HttpsConnection::close() {
  closed_ = true;
  error_code ignored;
  socket_.close(ignored);
  bio_.descriptor = -1;
}

}  // namespace aivault::upstream
