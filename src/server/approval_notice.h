// ApprovalNotice: tells a caller that asked for it (x-aivault-interim: 1) that its call waits for
// the operator: an interim answer at once and every 15 s, so that nothing between gives up.
// Thread: the event loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/connection.h"

namespace aivault::server {

class ApprovalNotice {
 public:
  // Nothing else may be sent on `connection` until this object is gone.
  ApprovalNotice(const boost::asio::any_io_executor& loop,
                 Connection& connection,
                 std::string_view approval_id);
  ~ApprovalNotice();
  ApprovalNotice(const ApprovalNotice&) = delete;
  ApprovalNotice& operator=(const ApprovalNotice&) = delete;

 private:
  struct State;
  static void tell(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace aivault::server
