// UpstreamCaller: a Client of its own with an event loop, for tests that make whole calls.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "testing/run_async.h"
#include "testing/signed_request.h"
#include "upstream/client.h"

namespace aivault::testing {

// `total` bytes of a fixed pattern, in pieces of at most `piece`; then `after`: the end, an error,
// or silence.
class PatternBody : public upstream::BodySource {
 public:
  enum class After : std::uint8_t { end, error, silence };
  explicit PatternBody(std::uint64_t total, After after = After::end, std::size_t piece = 65536)
      : total_(total), after_(after), piece_(piece) {}

  boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override;
  std::uint64_t taken() const { return taken_; }

 private:
  std::uint64_t total_;
  After after_;
  std::size_t piece_;
  std::uint64_t taken_ = 0;
};
char pattern_at(std::uint64_t position);

struct Outcome {
  std::optional<Error> error;  // Of send, or of a later read.
  upstream::ResponseHead head;
  std::string body;
  std::uint64_t request_bytes = 0;
  std::chrono::milliseconds took{0};

  std::string reason() const { return error ? error->reason : "ok"; }
};

class UpstreamCaller {
 public:
  explicit UpstreamCaller(std::string extra_ca_pem, upstream::Client::Options options = {});

  // Names resolve to 127.0.0.1 unless the options say otherwise.
  Outcome call(const RequestWish& wish,
               upstream::BodySource* body = nullptr,
               upstream::Timeouts timeouts = {},
               const std::string& pool_key = "credential caller");

  boost::asio::io_context& loop() { return loop_; }
  upstream::Client& client() { return *client_; }
  upstream::Destination destination(const std::string& pool_key = "credential caller") const;
  int lookups() const { return lookups_; }
  void run_for(std::chrono::milliseconds time);

 private:
  boost::asio::io_context loop_;
  std::string extra_ca_pem_;
  int lookups_ = 0;
  std::unique_ptr<upstream::Client> client_;
};

// The whole of one call, for tests that run several at once.
boost::asio::awaitable<Outcome> make_call(upstream::Client& client,
                                          auth::SignedRequest request,
                                          upstream::Destination destination,
                                          upstream::BodySource* body,
                                          upstream::Timeouts timeouts);

policy::IpAddress loopback();

}  // namespace aivault::testing
