// Broker::Impl: what the calls of one broker share.
// Thread: the event loop.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "broker/broker.h"
#include "broker/candidates.h"
#include "broker/closed_rates.h"
#include "broker/limit_stages.h"
#include "broker/material.h"
#include "broker/outgoing_body.h"
#include "broker/overlap.h"
#include "broker/own_jwt.h"
#include "broker/own_time.h"
#include "broker/records.h"
#include "broker/running_calls.h"
#include "broker/socket_relay.h"
#include "policy/decide.h"
#include "policy/limits.h"
#include "policy/plan.h"
#include "policy/scrub.h"
#include "tokens/keeper.h"

namespace aivault::broker {

class Broker::Impl {
 public:
  Impl(boost::asio::any_io_executor executor,
       vault::Slot& slot,
       catalog::Catalog& catalog,
       upstream::Client& client,
       Options options);

  boost::asio::awaitable<Result<std::unique_ptr<Answer>>> invoke(Call call);
  Result<void> check_client(std::string_view client_ip) const;
  Result<catalog::Authority> authority(const Caller& caller, const Secret* token);
  Result<std::shared_ptr<const Secret>> take_native_token(const std::string& account,
                                                          http::Headers& headers,
                                                          std::string& target);
  void end_held_token(const Caller& caller, const std::string& id);
  void note_refusal(const VaultPtr& vault, audit::Event event, const Error& error);

  vault::Slot& slot() { return slot_; }
  const RunningCalls& running() const { return running_; }
  std::chrono::steady_clock::time_point last_own_call() const { return last_own_call_; }
  void settle();
  void forget_secrets() {
    derived_ = {};
    keeper_->forget();
    logins_.forget();
  }
  tokens::Logins& logins() { return logins_; }
  void set_limits(const Limits& limits) { options_.limits = limits; }
  std::size_t idle_upstreams() const { return client_.idle_connections(); }
  std::size_t open_upstreams() const { return client_.open_connections(); }
  void break_off() {
    ends_->break_off();
    keeper_->stop();
  }

 private:
  // All that rows 2 to 16 say about a call.
  struct Decision {
    std::shared_ptr<const catalog::Snapshot> snapshot;  // Owns what is pointed to.
    const registry::Capability* capability;
    const catalog::Credential* credential;
    SecretId secret;      // The credential's own, or the one bound to the capability.
    std::string binding;  // Which binding; empty: none.
    vault::Context context;
    policy::Approved approved;
    Reach reach;  // Of approved.
    policy::CallLimits limits;
    OutgoingBody body;
    std::shared_ptr<const catalog::Authority> authority;
    std::shared_ptr<const Claim> claim;
    std::shared_ptr<upstream::Withdrawal> withdrawal{};
    OwnTime own_time{};
  };
  // What is derived from one snapshot and kept until the next.
  struct Derived {
    std::shared_ptr<const catalog::Snapshot> snapshot;
    std::unordered_map<std::string_view, std::vector<const catalog::Credential*>> of_provider;
    std::map<std::string, std::shared_ptr<const policy::ScrubForms>> scrub_forms;
    std::map<std::string, OwnJwt> jwts;
    Blocklists blocklists;
    KnownSecrets secrets;
    ClosedRates closed_rates;
  };

  boost::asio::awaitable<Result<std::unique_ptr<Answer>>> answer(Call& call,
                                                                 audit::Event& event,
                                                                 RunningCalls::Ticket ticket);
  SocketRelay::Opened open_socket(const Decision& decision,
                                  const Call& call,
                                  upstream::Exchange::Upgraded upgraded,
                                  const upstream::ResponseHead& head);
  boost::asio::awaitable<Result<VaultPtr>> open_vault();
  void keep_refusal(audit::Event event);
  // Row 17: writes the record of the start, or of the question that comes before it, if there is
  // room.
  boost::asio::awaitable<Result<void>> take_start(const VaultPtr& vault,
                                                  const Decision& decision,
                                                  audit::Event event);
  // Row 18, for a call that needs it: holds it until the operator has decided.
  boost::asio::awaitable<Result<void>> get_approval(const VaultPtr& vault,
                                                    const Call& call,
                                                    Decision& decision,
                                                    const audit::Event& event);
  boost::asio::awaitable<Result<std::unique_ptr<Answer>>> carry_out(const VaultPtr& vault,
                                                                    const Call& call,
                                                                    Decision decision,
                                                                    audit::Event event,
                                                                    RunningCalls::Ticket ticket);
  // `record` is that of the start that was written; it ends up in the answer, or says what broke.
  boost::asio::awaitable<Result<std::unique_ptr<Answer>>> send(const VaultPtr& vault,
                                                               const Call& call,
                                                               Decision& decision,
                                                               EndRecord& record,
                                                               RunningCalls::Ticket ticket);
  // `event` gets what is known for the record.
  Result<Decision> decide(vault::Vault& vault, Call& call, audit::Event& event);
  // Names the capability, and the credential if the caller names one, of a request for an account.
  Result<void> find_native(const catalog::Authority& authority, Call& call, audit::Event& event);
  Result<const registry::Capability*> find_capability(const catalog::Authority& authority,
                                                      const Call& call,
                                                      audit::Event& event) const;
  // Row 1 for one call, with what the record says about it.
  Result<std::shared_ptr<const catalog::Authority>> authority_of(vault::Vault& vault,
                                                                 const Call& call,
                                                                 audit::Event& event);
  // Row 7: the one credential that the caller may use, or should.
  Result<const catalog::Credential*> choose_credential(vault::Vault& vault,
                                                       const catalog::Authority& authority,
                                                       const CredentialWish& wish,
                                                       audit::Event& event);
  // The secret that the chosen credential sends in this call, and by which binding.
  struct Source {
    SecretId secret;
    std::string binding;
  };
  Result<Source> find_source(vault::Vault& vault,
                             const catalog::Snapshot& snapshot,
                             const catalog::Credential& credential,
                             const CredentialWish& wish,
                             audit::Event& event);
  // Again, for a call that has waited since `version` of its secret was opened; with a token, the
  // secret may have got a newer one meanwhile.
  Result<void> check_unchanged(vault::Vault& vault,
                               const Call& call,
                               const Decision& decision,
                               std::optional<std::int64_t> version);
  // Do the rights of the caller still allow what was decided?
  Result<void> check_allowed(const catalog::Authority& authority, const Claim& claim) const;
  Result<catalog::Authority> authority_now(vault::Vault& vault,
                                           const Caller& caller,
                                           const Secret* token);
  // A GraphQL call of a read-only identity: its body says whether it reads.
  boost::asio::awaitable<Result<void>> judge_body(Decision& decision);
  // Ends, within a second, the calls whose callers have lost the right to them.
  void watch();
  void review();
  void end_sockets();  // The vault was locked.
  Result<void> check_room(const RunningCalls::Ticket& ticket) const;
  Result<std::shared_ptr<const catalog::Snapshot>> current_snapshot(vault::Vault& vault);
  std::vector<const catalog::Credential*> candidates(const catalog::Snapshot& snapshot,
                                                     std::string_view provider,
                                                     const std::optional<std::string>& named) const;
  Result<std::shared_ptr<const policy::ScrubForms>> scrub_forms(
      const catalog::Credential& credential, const vault::OpenedSecret& secret);

  Result<void> use_own_jwt(const registry::JwtAuth& auth,
                           const catalog::Credential& credential,
                           const vault::OpenedSecret& secret,
                           Material& material);
  boost::asio::awaitable<Result<Material>> material_of(const VaultPtr& vault,
                                                       Decision& decision,
                                                       EndRecord& record);
  // The answer to the request, or to its repetition where the first token was not taken.
  boost::asio::awaitable<Result<std::unique_ptr<upstream::Exchange>>> exchange(
      const VaultPtr& vault,
      const Call& call,
      Decision& decision,
      const policy::PlannedRequest& planned,
      Material& material,
      EndRecord& record);
  boost::asio::awaitable<Result<std::unique_ptr<upstream::Exchange>>> send_once(
      const VaultPtr& vault,
      const Call& call,
      Decision& decision,
      const policy::PlannedRequest& planned,
      Material& material,
      upstream::BodySource* body);

  boost::asio::any_io_executor executor_;
  vault::Slot& slot_;
  catalog::Catalog& catalog_;
  upstream::Client& client_;
  Options options_;
  tokens::Logins logins_;
  RunningCalls running_;
  const std::int64_t own_uid_ = ::geteuid();
  // Zero: none yet. Written on the loop.
  std::atomic<std::chrono::steady_clock::time_point> last_own_call_{};
  Tally tally_;
  std::shared_ptr<Refusals> refusals_;
  std::shared_ptr<EndQueue> ends_;
  Derived derived_;
  boost::asio::steady_timer watch_;
  std::shared_ptr<bool> watching_ = std::make_shared<bool>(false);
  std::shared_ptr<const catalog::Snapshot> reviewed_;
  std::uint64_t reviewed_revocations_ = 0;
  std::shared_ptr<tokens::Keeper> keeper_;
  std::optional<boost::asio::thread_pool> opener_;  // Made when a vault must first be opened.
};

// A native request, fit for the credential that sends it.
Result<void> make_native(protocol::Envelope& envelope, const policy::CredentialPolicy& credential);
// The record of a call so far: who calls, and under which id.
audit::Event event_of(const Caller& caller, const std::string& request_id);
// Whose rights it has: the agent, and the token that was shown.
void note_identity(const catalog::Authority& authority, audit::Event& event);
// All of a body, which can then be read again; at most 1 MiB. `why` ends the sentence of a refusal.
boost::asio::awaitable<Result<std::string>> hold_whole(OutgoingBody& body, std::string_view why);

}  // namespace aivault::broker
