#include "daemon/greeting.h"

#include <unistd.h>

#include <utility>

#include <boost/asio/post.hpp>

#include "audit/event.h"
#include "catalog/catalog.h"
#include "platform/peer.h"

namespace aivault::daemon {

Greeting::Greeting(vault::Slot& slot, platform::Log& log, Record record, Facts facts)
    : slot_(slot), log_(log), record_(record), facts_(std::move(facts)) {}

void Greeting::greet(vault::Vault& vault) {
  if (greeted_.exchange(true)) return;
  if (auto done = catalog::reconcile_with_registry(vault); !done) {
    log_.warn("vault.not_reconciled",
              {{"reason", done.error().reason}, {"message", done.error().message}});
  }
  record(vault, "daemon.start", "version " + facts_.version + ", listener " + facts_.listeners);
}

void Greeting::greet_if_open(const boost::asio::any_io_executor& operator_thread) {
  if (greeted_ || slot_.peek() == nullptr) return;
  boost::asio::post(operator_thread, [this] {
    if (const auto vault = slot_.peek()) greet(*vault);
  });
}

void Greeting::take_leave(const std::string& reason) {
  if (!greeted_) return;
  if (const auto vault = slot_.peek()) record(*vault, "daemon.stop", "reason " + reason);
}

void Greeting::record(vault::Vault& vault, std::string kind, std::string note) {
  if (record_ == Record::no) return;
  audit::Event event;
  event.kind = std::move(kind);
  event.actor = "daemon";
  event.uid = ::geteuid();
  event.user = platform::user_name(::geteuid());
  event.pid = ::getpid();
  event.note = std::move(note);
  // Best effort: a record that cannot be written stops calls, not the daemon.
  vault.record(std::move(event), [](const Result<void>&) {});
}

}  // namespace aivault::daemon
