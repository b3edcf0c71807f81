// Reload: takes a changed configuration into a daemon that serves. It is read and judged completely
// on another thread, then taken over in one step on the event loop; one with an error changes
// nothing. Running calls and open connections stay.
// Thread: the event loop, except where a member says otherwise.
// Errors: invalid_request record_invalid, with what is wrong, its file and line.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "admin/desk.h"
#include "admin/operation.h"
#include "audit/event.h"
#include "daemon/service_manager.h"
#include "daemon/settings.h"
#include "platform/log.h"
#include "vault/slot.h"

namespace aivault::daemon {

// Keys of the configuration, by name.
struct Changes {
  std::vector<std::string> applied, need_restart;
};
using KeyValues = std::map<std::string, std::string>;
Changes changes_between(const KeyValues& in_force, const KeyValues& wanted);

class Reload {
 public:
  struct Configuration {
    KeyValues in_force;  // As it was read at the start.
    std::vector<std::string> files;
    std::function<Result<Settings>()> read;  // As it is now; on the reader's thread.
  };
  struct Parts {
    boost::asio::any_io_executor loop, reader;
    vault::Slot& slot;
    const ServiceManager& manager;
    platform::Log& log;
    bool is_recorded = true;  // In the audit.
    // Tries a vault again that could not be opened; the line for the service manager. On the
    // reader's thread.
    std::function<std::string()> retry_vault;
    std::function<void(const Settings&)> apply;  // What needs no restart.
  };
  Reload(Configuration configuration, Parts parts);
  Reload(const Reload&) = delete;
  Reload& operator=(const Reload&) = delete;
  Reload(Reload&&) = delete;
  Reload& operator=(Reload&&) = delete;
  ~Reload() = default;

  // POST /aivault/reload: {"changed":[],"restartNeeded":[]}.
  boost::asio::awaitable<Result<json::Value>> answer(admin::Actor who);
  // SIGHUP. Any number of them while one is served are one more.
  void on_hangup();

  // Any thread; reads the files.
  admin::ConfigurationState state() const;

 private:
  boost::asio::awaitable<Result<Changes>> run(audit::Event who);
  boost::asio::awaitable<void> serve_hangups();
  Changes take_over(const Settings& settings);

  Parts parts_;
  std::function<Result<Settings>()> read_;
  bool serving_hangups_ = false, hung_up_again_ = false;

  mutable std::mutex guard_;  // Of what follows.
  KeyValues in_force_;
  std::vector<std::string> files_;
};

}  // namespace aivault::daemon
