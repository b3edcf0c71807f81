// CallStage: a server that a test plays, a vault that leads to it, and a broker between them.
// Thread: the test's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/encoding.h"
#include "base/text.h"
#include "broker/broker.h"
#include "testing/run_async.h"
#include "testing/tls_server.h"
#include "testing/upstream_call.h"
#include "testing/vault_world.h"

namespace aivault::broker {

using testing::TlsPeer;
using testing::TlsServer;
using testing::VaultWorld;

inline TlsServer::Serve always(std::string answer) {
  return [answer = std::move(answer)](TlsPeer& peer) {
    while (!peer.read_head().empty()) peer.write(answer);
  };
}

inline protocol::Envelope envelope(std::string method = "GET", std::string path = "/v1/x") {
  protocol::Envelope made;
  made.capability = "acme/things";
  made.method = std::move(method);
  made.path = std::move(path);
  return made;
}

struct Outcome {
  std::optional<Error> error;
  int status = 0;
  http::Headers headers;
  std::optional<std::uint64_t> length;
  std::string body;
  std::string reason() const { return error ? error->reason : "ok"; }
};

inline boost::asio::awaitable<Outcome> make_call(Broker& broker, Call call, std::size_t piece) {
  Outcome outcome;
  auto answer = co_await broker.invoke(std::move(call));
  if (!answer) {
    outcome.error = std::move(answer).error();
    co_return outcome;
  }
  outcome.status = (*answer)->status();
  outcome.headers = (*answer)->headers();
  outcome.length = (*answer)->content_length();
  std::vector<std::byte> into(piece);
  for (;;) {
    const std::span<std::byte> room(into);
    auto got = co_await (*answer)->read(room);
    if (!got) {
      outcome.error = std::move(got).error();
      co_return outcome;
    }
    if (*got == 0) co_return outcome;
    outcome.body += text_of(room.first(*got));
  }
}

inline testing::ServerIdentity localhost() {
  testing::CertificateRequest request;
  request.names = {"localhost"};
  return testing::world_authority().issue(request);
}

// A server, a vault that leads to it, and a broker.
class Stage {
 public:
  explicit Stage(TlsServer::Serve serve,
                 const registry::AuthSpec& auth = registry::HeaderAuth(),
                 Broker::Options options = default_options())
      : server_(localhost(), std::move(serve)),
        world(server_.authority("localhost"), auth),
        client_(make_client()),
        broker(loop.get_executor(), world.slot(), world.catalog(), *client_, std::move(options)) {}

  Call call(protocol::Envelope what = envelope()) {
    Call made;
    made.caller.uid = 1000;
    made.caller.is_operator = true;
    made.request_id = "request-" + std::to_string(++calls_);
    made.envelope = std::move(what);
    return made;
  }
  Outcome run(Call what, std::size_t piece = 16384) {
    return testing::run_async(loop, make_call(broker, std::move(what), piece));
  }
  Outcome run(protocol::Envelope what) { return run(call(std::move(what))); }

  // The records of calls as "outcome reason".
  std::vector<std::string> records() {
    std::vector<std::string> lines;
    for (const auto& event : events()) {
      lines.push_back(event.outcome + (event.reason.empty() ? "" : " " + event.reason));
    }
    return lines;
  }
  std::vector<audit::Event> events() {
    broker.settle();
    return world.calls();
  }
  int connections() const { return server_.accepted(); }

  static Broker::Options default_options() {
    Broker::Options options;
    options.version = "1.2.3";
    return options;
  }

 private:
  std::unique_ptr<upstream::Client> make_client() {
    upstream::Client::Options options;
    options.resolver.lookup = [](const std::string&) {
      return Result<std::vector<policy::IpAddress>>(std::vector{testing::loopback()});
    };
    auto made = upstream::Client::create(loop.get_executor(), std::move(options));
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
  }

  int calls_ = 0;

 public:
  boost::asio::io_context loop;

 private:
  TlsServer server_;

 public:
  VaultWorld world;

 private:
  std::unique_ptr<upstream::Client> client_;

 public:
  Broker broker;
};

// As with a full disk: no file of this process grows meanwhile.

inline const std::string* find(const Outcome& outcome, std::string_view name) {
  return http::find(outcome.headers, name);
}

}  // namespace aivault::broker
