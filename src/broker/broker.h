// Broker: carries out calls. It only orders the steps and does I/O; what is allowed is decided by
// policy, what is injected by auth. Every refusal is audited, every call has a start record before
// a secret is opened and an end record after.
// Thread: the event loop. Errors: those of docs/errors.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "broker/call.h"
#include "catalog/catalog.h"
#include "metrics/metrics.h"
#include "tokens/logins.h"
#include "tokens/notices.h"
#include "upstream/client.h"
#include "vault/slot.h"

namespace aivault::broker {

class Broker {
 public:
  // May change while calls run: those that run already are not touched.
  struct Limits {
    std::size_t calls = 2048, calls_per_uid = 256;
    std::uint64_t socket_message = std::uint64_t{16} << 20U;  // Of a WebSocket, bytes.
  };
  struct Options {
    std::string version;
    Limits limits{};
    std::chrono::milliseconds socket_idle = std::chrono::minutes(5);  // Without a byte either way.
    bool secret_echo = false;  // AIVAULT_DEV_ALLOW_SECRET_ECHO, development builds only.
    bool allow_remote_clients = false;
    bool allow_non_default_ports = false;
    // Else a call that needs approval is refused at once: nobody could give it.
    bool is_reached_by_operators = true;
    tokens::Notices* notices = nullptr;   // Of tokens, for `status`; nullptr: none are kept.
    metrics::Metrics* metrics = nullptr;  // nullptr: nothing is counted.
  };
  Broker(boost::asio::any_io_executor executor,
         vault::Slot& slot,
         catalog::Catalog& catalog,
         upstream::Client& client,
         Options options);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  boost::asio::awaitable<Result<std::unique_ptr<Answer>>> invoke(Call call);
  // Row 1: what the caller may do at this moment. vault_locked where there is no open vault.
  Result<catalog::Authority> authority(const Caller& caller, const Secret* token);
  // The token that a vendor's client shows where it puts its key, taken out of its request.
  Result<std::shared_ptr<const Secret>> take_native_token(const std::string& account,
                                                          http::Headers& headers,
                                                          std::string& target);
  // The connection that a self-minted token was tied to is closed.
  void end_held_token(const Caller& caller, const std::string& id);
  // A request that no envelope could be made of (rows 1 to 3): audited as a denial.
  void record_refusal(const Caller& caller, const std::string& request_id, const Error& error);
  // An operator's operation asked for by somebody else.
  void record_operator_denied(const Caller& caller,
                              const std::string& request_id,
                              const std::string& operation,
                              const Error& error);
  // Row 2, for doors that must judge it before they have an envelope.
  Result<void> check_client(std::string_view client_ip) const;
  // Ends of calls and identical refusals wait a moment to share a commit or a record; this hands
  // them to the vault now.
  void settle();
  // Lets go of what was derived from secrets. On the loop.
  void forget_secrets();
  // The logins of operators that are under way; they end with forget_secrets().
  tokens::Logins& logins();
  void set_limits(const Limits& limits);
  // From now on it is the daemon that ends calls before their time.
  void break_off();

  // When a call last came from the daemon's own user, which nothing isolates from the vault; none
  // since its start. Thread: any.
  std::optional<std::chrono::steady_clock::time_point> last_own_call() const;

  std::size_t running() const;
  std::size_t idle_upstreams() const;  // Connections that are kept for the next call.
  std::size_t open_upstreams() const;  // Those included.
  std::uint64_t finished() const;      // Calls answered so far, refusals included.

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aivault::broker
