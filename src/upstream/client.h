// Client: sends signed requests over HTTPS to checked addresses, and nothing else reaches the
// network. Nothing is ever sent twice: a request that left us, even in part, is not repeated.
// Thread: the event loop. An Exchange may outlive the Client.
// Errors: upstream_unreachable dns | connect | tls | connection_lost | protocol | timeout_* |
// policy_violation ssrf_blocked, invalid_request body_length.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "auth/sign.h"
#include "base/result.h"
#include "metrics/metrics.h"
#include "upstream/body_source.h"
#include "upstream/deadlines.h"
#include "upstream/exchange.h"
#include "upstream/pool.h"
#include "upstream/resolver.h"
#include "upstream/trust.h"

namespace aivault::upstream {

struct Destination {
  // Who may share connections: credential, secret version and caller identity.
  std::string pool_key;
  std::string extra_ca_pem;  // Trusted besides the system's roots, for this call only.
};

class Client {
 public:
  struct Options {
    std::string trust_store_path;  // PEM bundle; empty: the system's.
    std::string dev_ca_pem;        // Honoured in builds with developer overrides only.
    Resolver::Options resolver;
    std::chrono::milliseconds idle = std::chrono::seconds(30);  // Of pooled connections.
    std::size_t max_idle = 256;                                 // Pooled connections in all.
    metrics::Metrics* metrics = nullptr;                        // nullptr: nothing is counted.
  };
  // Reads the trust store; later calls read no file.
  static Result<std::unique_ptr<Client>> create(boost::asio::any_io_executor executor,
                                                Options options);

  // May the request still go? Asked when a connection is ready, right before its first byte.
  using MayGo = std::function<Result<void>()>;

  // Ends when the head of the answer is there. `body` (nullptr: none) is used only until then.
  boost::asio::awaitable<Result<std::unique_ptr<Exchange>>> send(auth::SignedRequest request,
                                                                 Destination destination,
                                                                 BodySource* body,
                                                                 Timeouts timeouts,
                                                                 MayGo may_go = nullptr);

  // Asks for the addresses of a host and goes no further; whether they may be reached is not
  // judged.
  boost::asio::awaitable<Result<void>> look_up(http::Authority host,
                                               std::chrono::milliseconds patience);

  void close_idle();
  std::size_t idle_connections() const { return pool_->idle_count(); }
  // In use, idle or being made.
  std::size_t open_connections() const { return static_cast<std::size_t>(open_.use_count() - 1); }

 private:
  using Clock = std::chrono::steady_clock;
  Client(boost::asio::any_io_executor executor, Trust trust, Options options);

  boost::asio::awaitable<Result<std::unique_ptr<Exchange>>> send_one(
      const auth::SignedRequest& request,
      const Destination& destination,
      BodySource* body,
      const Timeouts& timeouts,
      const MayGo& may_go);
  boost::asio::awaitable<Result<std::unique_ptr<HttpsConnection>>> open(
      const auth::SignedRequest& request, const Destination& destination, Deadlines& deadlines);

  void took(metrics::Name name,
            Clock::time_point since,
            metrics::Metrics::Labels labels = {}) const;

  boost::asio::any_io_executor executor_;
  Trust trust_;
  Resolver resolver_;
  std::shared_ptr<Pool> pool_;
  metrics::Metrics* metrics_;
  std::shared_ptr<const int> open_ = std::make_shared<const int>();  // Each connection has one.
};

}  // namespace aivault::upstream
