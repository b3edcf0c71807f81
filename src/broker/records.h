// Records: the audit records of calls: one before, one after, and refusals, of which identical ones
// within a second are one record with a count, and no caller causes more than ten a second.
// Thread: the event loop. Errors: vault_unavailable audit_unavailable.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "audit/event.h"
#include "base/result.h"
#include "broker/tally.h"
#include "vault/vault.h"

namespace aivault::broker {

using VaultPtr = std::shared_ptr<vault::Vault>;

// Records of ends, held until the next record of a start so that both share one commit; at most
// 50 ms.
class EndQueue : public std::enable_shared_from_this<EndQueue> {
 public:
  explicit EndQueue(const boost::asio::any_io_executor& executor, Tally tally = Tally())
      : tally_(tally), timer_(executor) {}
  ~EndQueue();
  EndQueue(const EndQueue&) = delete;
  EndQueue& operator=(const EndQueue&) = delete;

  void add(VaultPtr vault, audit::Event event);
  void release();  // Hands what is held to the vault now.
  // Calls that are dropped from now on are so by the daemon, not by their callers.
  void break_off() { dropped_ = "broken off at shutdown"; }
  const char* why_dropped() const { return dropped_; }
  const Tally& tally() const { return tally_; }

 private:
  struct Held {
    VaultPtr vault;
    audit::Event event;
  };
  Tally tally_;
  const char* dropped_ = "cancelled by caller";
  boost::asio::steady_timer timer_;
  std::vector<Held> held_;
};

// Releases the ends before it. Ends when the record is written, or cannot be, or a rate window has
// no room.
boost::asio::awaitable<Result<void>> write_record(EndQueue& ends,
                                                  VaultPtr vault,
                                                  audit::Event event,
                                                  std::vector<vault::RateUnit> units = {});

// The end record of one call that was started: written once, whatever happens to the call.
class EndRecord {
 public:
  EndRecord(std::shared_ptr<EndQueue> queue, VaultPtr vault, audit::Event event);
  EndRecord(EndRecord&&) noexcept = default;
  EndRecord& operator=(EndRecord&&) = delete;
  ~EndRecord();  // Not written by then: the call was dropped.

  struct Bytes {
    std::uint64_t request = 0, response = 0;
  };
  void ok(int status, Bytes bytes);
  void error(const Error& why, Bytes bytes);
  void forget();                       // There is no start record.
  void note(std::string_view remark);  // For the record, behind what is noted already.
  // What the metrics say beyond the record.
  void be(CallKind kind);
  void classify(std::string_view call_class) { class_ = call_class; }
  const audit::Event& event() const { return event_; }
  const Tally& tally() const { return queue_->tally(); }
  void note_progress(Bytes bytes) { bytes_ = bytes; }

 private:
  void write(audit::Event event);

  std::shared_ptr<EndQueue> queue_;
  VaultPtr vault_;  // Empty once it is written.
  audit::Event event_;
  std::chrono::steady_clock::time_point started_;
  Bytes bytes_;
  CallKind kind_ = CallKind::call;
  std::string_view class_;  // Of registry::to_string.
};

class Refusals : public std::enable_shared_from_this<Refusals> {
 public:
  // `without_vault` gets what was refused while no vault could be opened.
  using Unopened = std::function<void(audit::Event)>;
  explicit Refusals(const boost::asio::any_io_executor& executor, Unopened without_vault = nullptr)
      : timer_(executor), without_vault_(std::move(without_vault)) {}

  // `event` has everything but outcome and count. `key`: what makes refusals of one uid identical.
  // `vault` may be nullptr.
  void note(VaultPtr vault, audit::Event event, const std::string& key);
  void settle();  // Hands what is held to the vault now.

 private:
  struct Held {
    VaultPtr vault;
    audit::Event event;
    std::int64_t count = 1;
  };
  // One second of one uid.
  struct Window {
    std::chrono::steady_clock::time_point ends;
    std::vector<std::pair<std::string, Held>> kinds;  // In the order they came; few.
    std::optional<Held> others;  // Beyond the number of kinds that get a record each.
  };
  void write(Window& window);
  void write_one(Held& held);
  void arm();
  void ring();

  boost::asio::steady_timer timer_;
  Unopened without_vault_;
  bool armed_ = false;
  std::unordered_map<std::int64_t, Window> windows_;
};

}  // namespace aivault::broker
