#include "server/approval_notice.h"

#include <chrono>

#include "protocol/headers.h"

namespace aivault::server {
namespace {

constexpr auto kEvery = std::chrono::seconds(15);

}  // namespace

struct ApprovalNotice::State {
  State(const boost::asio::any_io_executor& loop, Connection& to) : timer(loop), connection(&to) {}
  boost::asio::steady_timer timer;
  Connection* connection;  // nullptr: over.
  std::string text;
};

ApprovalNotice::ApprovalNotice(const boost::asio::any_io_executor& loop,
                               Connection& connection,
                               std::string_view approval_id)
    : state_(std::make_shared<State>(loop, connection)) {
  state_->text = "HTTP/1.1 102 Processing\r\n" + std::string(protocol::kApproval) + ": " +
                 std::string(approval_id) + "\r\n\r\n";
  tell(state_);
}

ApprovalNotice::~ApprovalNotice() {
  state_->connection = nullptr;
  state_->timer.cancel();
}

void ApprovalNotice::tell(const std::shared_ptr<State>& state) {
  const auto sent = state->connection->send_now(state->text);
  // A caller that does not read gets none; half of one would spoil the answer.
  if (sent > 0 && sent < state->text.size()) {
    state->connection->close();
    return;
  }
  state->timer.expires_after(kEvery);
  state->timer.async_wait([weak = std::weak_ptr(state)](const boost::system::error_code& error) {
    const auto kept = weak.lock();
    if (!error && kept && kept->connection != nullptr) tell(kept);
  });
}

}  // namespace aivault::server
