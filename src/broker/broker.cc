#include "broker/broker.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "broker/broker_impl.h"
#include "broker/client_ip.h"
#include "vault/rate_refusal.h"

namespace aivault::broker {

audit::Event event_of(const Caller& caller, const std::string& request_id) {
  audit::Event event;
  event.kind = "capability.invoke";
  event.actor = caller.is_operator ? "operator" : "caller";
  event.uid = caller.uid;
  event.user = caller.user;
  if (caller.pid > 0) event.pid = caller.pid;
  event.exe = caller.exe;
  event.unit = caller.unit;
  event.request_id = request_id;
  return event;
}

namespace {

bool may_use_any_port([[maybe_unused]] const Broker::Options& options) {
#ifdef AIVAULT_DEV_OVERRIDES
  return options.allow_non_default_ports;
#else
  return false;
#endif
}

}  // namespace

Broker::Impl::Impl(boost::asio::any_io_executor executor,
                   vault::Slot& slot,
                   catalog::Catalog& catalog,
                   upstream::Client& client,
                   Options options)
    : executor_(std::move(executor)),
      slot_(slot),
      catalog_(catalog),
      client_(client),
      options_(std::move(options)),
      logins_(executor_,
              client_,
              {.version = options_.version, .allow_any_port = may_use_any_port(options_)}),
      tally_(options_.metrics),
      refusals_(std::make_shared<Refusals>(
          executor_, [this](audit::Event event) { keep_refusal(std::move(event)); })),
      ends_(std::make_shared<EndQueue>(executor_, tally_)),
      watch_(executor_),
      keeper_(std::make_shared<tokens::Keeper>(
          executor_, client_, options_.version, options_.notices, options_.metrics)) {
#ifndef AIVAULT_DEV_OVERRIDES
  options_.secret_echo = false;
  options_.allow_remote_clients = false;
  options_.allow_non_default_ports = false;
#endif
}

Result<void> Broker::Impl::check_client(std::string_view client_ip) const {
  return check_client_ip(
      client_ip, options_.allow_remote_clients ? RemoteClients::allowed : RemoteClients::refused);
}

void Broker::Impl::settle() {
  ends_->release();
  refusals_->settle();
}

// Refused while the vault was locked: written beside the loop, where it waits for the unlock.
void Broker::Impl::keep_refusal(audit::Event event) {
  if (!slot_.note_refusal(std::move(event))) return;
  if (!opener_) opener_.emplace(1);
  boost::asio::post(*opener_, [&slot = slot_] { slot.write_refusals(); });
}

void Broker::Impl::note_refusal(const VaultPtr& vault, audit::Event event, const Error& error) {
  if (event.code.empty()) {
    event.code = to_string(error.code);
    event.reason = error.reason;
  }
  if (const auto scope = vault::scope_of_refusal(error); !scope.empty()) tally_.limited(scope);
  // A name that a caller made up is no label.
  const auto* known = derived_.snapshot && !event.capability.empty()
                          ? derived_.snapshot->find_capability(event.capability)
                          : nullptr;
  if (known == nullptr) {
    tally_.refused(event, {}, {});
  } else {
    const auto call_class = registry::class_of(*known, event.method, event.path);
    tally_.refused(event, known->id, registry::to_string(call_class));
  }
  std::string key;
  const auto tell_apart = [&key](std::string_view part) {
    key += std::to_string(part.size()) + ':';
    key += part;
  };
  for (const auto& part : {event.kind, event.code, event.reason, event.note}) tell_apart(part);
  // Made-up names do not tell refusals apart, or one caller could fill a second with them.
  if (event.code != to_string(ErrorCode::capability_not_found)) {
    for (const auto& part : {event.capability, event.credential, event.method, event.path}) {
      tell_apart(part);
    }
  }
  refusals_->note(vault, std::move(event), key);
}

Broker::Broker(boost::asio::any_io_executor executor,
               vault::Slot& slot,
               catalog::Catalog& catalog,
               upstream::Client& client,
               Options options)
    : impl_(
          std::make_unique<Impl>(std::move(executor), slot, catalog, client, std::move(options))) {}

Broker::~Broker() { settle(); }

boost::asio::awaitable<Result<std::unique_ptr<Answer>>> Broker::invoke(Call call) {
  return impl_->invoke(std::move(call));
}

Result<catalog::Authority> Broker::authority(const Caller& caller, const Secret* token) {
  return impl_->authority(caller, token);
}

Result<std::shared_ptr<const Secret>> Broker::take_native_token(const std::string& account,
                                                                http::Headers& headers,
                                                                std::string& target) {
  return impl_->take_native_token(account, headers, target);
}

void Broker::end_held_token(const Caller& caller, const std::string& id) {
  impl_->end_held_token(caller, id);
}

void Broker::record_refusal(const Caller& caller,
                            const std::string& request_id,
                            const Error& error) {
  impl_->note_refusal(impl_->slot().peek(), event_of(caller, request_id), error);
}

void Broker::record_operator_denied(const Caller& caller,
                                    const std::string& request_id,
                                    const std::string& operation,
                                    const Error& error) {
  auto event = event_of(caller, request_id);
  event.kind = "operator.denied";
  event.note = operation;
  impl_->note_refusal(impl_->slot().peek(), std::move(event), error);
}

Result<void> Broker::check_client(std::string_view client_ip) const {
  return impl_->check_client(client_ip);
}

void Broker::settle() { impl_->settle(); }
void Broker::set_limits(const Limits& limits) { impl_->set_limits(limits); }
void Broker::forget_secrets() { impl_->forget_secrets(); }
tokens::Logins& Broker::logins() { return impl_->logins(); }
void Broker::break_off() { impl_->break_off(); }

std::optional<std::chrono::steady_clock::time_point> Broker::last_own_call() const {
  const auto last = impl_->last_own_call();
  return last == std::chrono::steady_clock::time_point() ? std::nullopt : std::optional(last);
}

std::size_t Broker::running() const { return impl_->running().running(); }
std::size_t Broker::idle_upstreams() const { return impl_->idle_upstreams(); }
std::size_t Broker::open_upstreams() const { return impl_->open_upstreams(); }
std::uint64_t Broker::finished() const { return impl_->running().finished(); }

}  // namespace aivault::broker
