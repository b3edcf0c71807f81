#include "daemon/parent_door.h"

#include <sys/socket.h>

#include <utility>

#include "platform/passed_descriptor.h"

namespace aivault::daemon {
namespace {

bool is_connected_stream(const platform::Descriptor& descriptor) {
  const auto option = [&descriptor](int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(descriptor.get(), SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
  };
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return descriptor && option(SO_DOMAIN) == AF_UNIX && option(SO_TYPE) == SOCK_STREAM &&
         ::getpeername(descriptor.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

}  // namespace

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
    if (is_connected_stream(message.descriptor)) {
      hooks_.on_connection(std::move(message.descriptor));
    } else {
      log_.warn("parent.no_connection", {{"effect", "a message was ignored"}});
    }
  }
}

}  // namespace aivault::daemon
