#include "daemon/parent_door.h"

#include <sys/socket.h>

#include <utility>

#include "daemon/parent_socket.h"
#include "platform/passed_descriptor.h"

namespace aivault::daemon {

ParentDoor::ParentDoor(boost::asio::io_context& loop,
                       platform::Log& log,
                       platform::Descriptor socket,
                       Hooks hooks)
    : socket_(loop, socket.release()), log_(log), hooks_(std::move(hooks)) {}

void ParentDoor::begin() { wait(); }

void ParentDoor::wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](const boost::system::error_code& error) {
                       if (error == boost::asio::error::operation_aborted) return;
                       if (!error && take_all()) return wait();
                       hooks_.on_end();
                     });
}

bool ParentDoor::take_all() {
  for (;;) {
    auto message = platform::receive_with(socket_.native_handle());
    if (message.what == platform::Received::nothing_yet) return true;
    if (message.what == platform::Received::end) return false;
    if (is_connected_unix_socket(message.descriptor.get(), SOCK_STREAM)) {
      hooks_.on_connection(std::move(message.descriptor));
    } else {
      log_.warn("parent.no_connection", {{"effect", "a message was ignored"}});
    }
  }
}

}  // namespace aivault::daemon
