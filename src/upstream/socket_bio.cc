#include "upstream/socket_bio.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <memory>

namespace aivault::upstream {
namespace {

BioSocket* socket_of(BIO* bio) { return static_cast<BioSocket*>(BIO_get_data(bio)); }

bool must_wait(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  *written = 0;
  auto* socket = socket_of(bio);
  const auto sent = ::send(socket->descriptor, data, size, MSG_NOSIGNAL);
  if (sent < 0) {
    socket->last_errno = must_wait(errno) ? 0 : errno;
    if (must_wait(errno)) BIO_set_retry_write(bio);
    return 0;
  }
  *written = static_cast<std::size_t>(sent);
  socket->bytes_sent += *written;
  return 1;
}

int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  BIO_clear_retry_flags(bio);
  *got = 0;
  auto* socket = socket_of(bio);
  const auto received = ::recv(socket->descriptor, into, size, 0);
  if (received < 0) {
    socket->last_errno = must_wait(errno) ? 0 : errno;
    if (must_wait(errno)) BIO_set_retry_read(bio);
    return 0;
  }
  if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  *got = static_cast<std::size_t>(received);
  return received > 0 ? 1 : 0;
}

long bio_control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default: return 0;
  }
}

const BIO_METHOD* socket_method() {
  static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method = [] {
    std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "aivault socket"), &BIO_meth_free);
    BIO_meth_set_write_ex(made.get(), bio_write);
    BIO_meth_set_read_ex(made.get(), bio_read);
    BIO_meth_set_ctrl(made.get(), bio_control);
    return made;
  }();
  return method.get();
}

}  // namespace

BIO* make_socket_bio(BioSocket* socket) {
  auto* bio = BIO_new(socket_method());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, socket);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace aivault::upstream
