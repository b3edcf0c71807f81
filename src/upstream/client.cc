#include "upstream/client.h"

#include <utility>

#include <boost/asio/this_coro.hpp>

namespace aivault::upstream {
namespace {

namespace asio = boost::asio;

// Servers and proxies disagree on whether these carry a body; its rest could pass for a request.
bool is_bodiless_method(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

std::string pool_key(const policy::PlannedRequest& planned,
                     const Destination& destination,
                     std::uint64_t trust_id) {
  const auto& authority = planned.authority();
  const char* reach = planned.addresses() == policy::AddressPolicy::public_only ? "p" : "a";
  return authority.host() + ' ' + std::to_string(authority.effective_port()) + ' ' +
         std::to_string(trust_id) + ' ' + reach + ' ' + destination.pool_key;
}

void count_connect(metrics::Metrics* metrics, std::string_view result) {
  if (metrics != nullptr) metrics->add(metrics::Name::upstream_connects, {result});
}

}  // namespace

Client::Client(asio::any_io_executor executor, Trust trust, Options options)
    : executor_(executor),
      trust_(std::move(trust)),
      resolver_(executor, std::move(options.resolver)),
      pool_(std::make_shared<Pool>(executor, options.idle, options.max_idle)),
      metrics_(options.metrics) {}

Result<std::unique_ptr<Client>> Client::create(asio::any_io_executor executor, Options options) {
#ifndef AIVAULT_DEV_OVERRIDES
  options.dev_ca_pem.clear();
#endif
  TRY_ASSIGN(auto trust, Trust::load(options.trust_store_path, options.dev_ca_pem));
  return std::unique_ptr<Client>(
      new Client(std::move(executor), std::move(trust), std::move(options)));
}

asio::awaitable<Result<std::unique_ptr<Exchange>>> Client::send(auth::SignedRequest request,
                                                                Destination destination,
                                                                BodySource* body,
                                                                Timeouts timeouts,
                                                                MayGo may_go) {
  // A cancelled call still has to wait for its upload, so cancellation must not throw meanwhile.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  auto exchange = co_await send_one(request, destination, body, timeouts, may_go);
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return exchange;
}

asio::awaitable<Result<std::unique_ptr<Exchange>>> Client::send_one(
    const auth::SignedRequest& request,
    const Destination& destination,
    BodySource* body,
    const Timeouts& timeouts,
    const MayGo& may_go) {
  const auto& planned = request.planned();
  const auto size = planned.body_size();
  if (body == nullptr && (planned.chunked() || size.value_or(0) > 0)) {
    co_return invalid_request("body_length", "the request body is shorter than was announced");
  }
  auto trusted = trust_.context_for(destination.extra_ca_pem);
  if (!trusted) co_return fail(std::move(trusted).error());
  auto deadlines = std::make_unique<Deadlines>(executor_, timeouts, planned.authority().text());
  auto& limits = *deadlines;
  auto key = pool_key(planned, destination, trusted->id);
  auto lease = co_await pool_->acquire(std::move(key), limits);
  if (!lease) co_return fail(std::move(lease).error());
  auto connection = lease->take();

  Exchange::Outgoing outgoing;
  outgoing.asked = planned.method() == "HEAD" ? Asked::head_only : Asked::with_body;
  outgoing.closes_connection =
      body != nullptr && size.value_or(1) > 0 && is_bodiless_method(planned.method());
  outgoing.body_size = size;
  outgoing.websocket_key = request.websocket_key();
  outgoing.protocols = planned.protocols();
  std::unique_ptr<Exchange> exchange(new Exchange(executor_,
                                                  *std::move(lease),
                                                  std::move(deadlines),
                                                  planned.authority(),
                                                  std::move(outgoing)));
  if (connection) {
    if (may_go) CO_TRY(may_go());
    const auto began = Clock::now();
    auto started = co_await exchange->start(std::move(connection), request, body);
    took(metrics::Name::upstream_seconds, began, {"first_byte"});
    if (started) co_return exchange;
    const bool may_try_again = exchange->nothing_was_sent() && !limits.expired();
    if (!may_try_again) co_return fail(std::move(started).error());
  }
  auto opened = co_await open(request, destination, limits);
  if (!opened) co_return fail(limits.explain(std::move(opened).error()));
  if (may_go) CO_TRY(may_go());
  const auto began = Clock::now();
  auto started = co_await exchange->start(*std::move(opened), request, body);
  took(metrics::Name::upstream_seconds, began, {"first_byte"});
  if (!started) co_return fail(std::move(started).error());
  co_return exchange;
}

asio::awaitable<Result<std::unique_ptr<HttpsConnection>>> Client::open(
    const auth::SignedRequest& request, const Destination& destination, Deadlines& deadlines) {
  const auto& planned = request.planned();
  const auto& authority = planned.authority();
  deadlines.end(Deadlines::Limit::idle);  // Of a pooled connection that failed at once.
  deadlines.begin(Deadlines::Limit::connect);
  auto began = Clock::now();
  auto endpoints = co_await resolver_.resolve(authority, planned.addresses(), deadlines);
  took(metrics::Name::dns_seconds, began);
  if (!endpoints) {
    count_connect(metrics_, endpoints.error().reason);
    co_return fail(std::move(endpoints).error());
  }
  auto connection = std::make_unique<HttpsConnection>(executor_, authority);
  connection->keep(open_);
  auto* raw = connection.get();
  deadlines.on_expiry([raw] { raw->close(); });
  began = Clock::now();
  auto connected = co_await connection->connect(*endpoints);
  took(metrics::Name::upstream_seconds, began, {"connect"});
  if (connected) {
    // Asked for again: while we waited, another call may have dropped the cached context.
    auto trusted = trust_.context_for(destination.extra_ca_pem);
    if (!trusted) co_return fail(std::move(trusted).error());
    auto* context = trusted->tls;
    const auto& identity = request.identity();
    began = Clock::now();
    connected = co_await connection->handshake(context, identity ? &*identity : nullptr);
    took(metrics::Name::upstream_seconds, began, {"tls"});
  }
  deadlines.on_expiry(nullptr);
  deadlines.end(Deadlines::Limit::connect);
  count_connect(metrics_, connected ? "ok" : std::string_view(connected.error().reason));
  if (!connected) co_return fail(std::move(connected).error());
  co_return connection;
}

void Client::took(metrics::Name name,
                  Clock::time_point since,
                  metrics::Metrics::Labels labels) const {
  if (metrics_ == nullptr) return;
  metrics_->observe(name, std::chrono::duration<double>(Clock::now() - since).count(), labels);
}

void Client::close_idle() { pool_->close_idle(); }

asio::awaitable<Result<void>> Client::look_up(http::Authority host,
                                              std::chrono::milliseconds patience) {
  Timeouts timeouts;
  timeouts.connect = patience;
  Deadlines deadlines(executor_, timeouts, host.text());
  deadlines.begin(Deadlines::Limit::connect);
  const auto found =
      co_await resolver_.resolve(host, policy::AddressPolicy::public_only, deadlines);
  deadlines.clear();
  if (!found && found.error().code == ErrorCode::upstream_unreachable) {
    co_return fail(deadlines.explain(found.error()));
  }
  co_return Result<void>();
}

}  // namespace aivault::upstream
