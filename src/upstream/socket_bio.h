// Socket BIO: lets OpenSSL read and write a non-blocking socket that somebody else owns, never
// raises SIGPIPE, and counts the bytes the kernel took. Thread: the event loop.
#pragma once

#include <openssl/bio.h>

#include <cstdint>

namespace aivault::upstream {

struct BioSocket {
  int descriptor = -1;
  std::uint64_t bytes_sent = 0;
  int last_errno = 0;  // Of the last failed read or write; 0 if it only had to wait.
};

// A new BIO over `socket`, which must outlive it; nullptr when memory is short.
BIO* make_socket_bio(BioSocket* socket);

}  // namespace aivault::upstream
