// Greeting: what a daemon does once with the vault it serves: bring it up to date with the
// registry of this program, and record its own start and end in the audit.
// Thread: greet_if_open() the event loop; the work is done on the operator thread.
#pragma once

#include <atomic>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "platform/log.h"
#include "vault/slot.h"

namespace aivault::daemon {

class Greeting {
 public:
  // A private child serves one command and leaves no record of itself.
  enum class Record : bool { no, yes };
  struct Facts {
    std::string version, listeners;
  };
  Greeting(vault::Slot& slot, platform::Log& log, Record record, Facts facts);

  // For a vault that was opened at start.
  void greet(vault::Vault& vault);
  // For one that is made or unlocked later.
  void greet_if_open(const boost::asio::any_io_executor& operator_thread);
  void take_leave(const std::string& reason);

 private:
  void record(vault::Vault& vault, std::string kind, std::string note);

  vault::Slot& slot_;
  platform::Log& log_;
  Record record_;
  Facts facts_;
  std::atomic<bool> greeted_ = false;
};

}  // namespace aivault::daemon
