// UnixListener: a unix socket path that appears with its final mode and owner and only when it can
// be connected to, in a directory that nobody else can write (docs/daemon.md).
// Thread: the main thread at start: umask and working directory are changed for a moment.
// Errors: invalid_request record_invalid `socket path too long` | `invalid socket path`,
// vault_unavailable unsafe_path `unsafe socket directory '<d>': <reason>` | `'<p>' exists and is
// not our socket`, vault_unavailable internal with the system's words.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::platform {

constexpr std::size_t kMaxSocketPath = 107;  // Bytes: sun_path without its final NUL.

// What there is at the name of a socket.
enum class AtPath : std::uint8_t { nothing, our_socket, something_else };

class SocketDirectory {
 public:
  // `path` is absolute. Missing directories are made: the last one with `mode`, others with 0700.
  // Every directory from / on must belong to root or to us and be writable by nobody else, unless
  // it is sticky; the last one not at all.
  static Result<SocketDirectory> open(const std::string& path, mode_t mode);

  const std::string& path() const { return path_; }  // Of the socket.
  Descriptor reopen() const;                         // The directory, for files beside the socket.
  AtPath look() const;

  // Holds `<path>.lock` until the descriptor is closed; nullopt: another process does.
  Result<std::optional<Descriptor>> try_lock() const;
  // Listens at the path in place of whatever socket of ours was there. Hold the lock.
  Result<Descriptor> listen(mode_t mode);
  // Removes the path if it still is the socket that we made.
  void unlink_ours();

 private:
  SocketDirectory(Descriptor directory, std::string path, std::string name)
      : directory_(std::move(directory)), path_(std::move(path)), name_(std::move(name)) {}

  Result<Descriptor> bind_aside(const std::string& aside, mode_t mode) const;

  Descriptor directory_;
  std::string path_, name_;
  std::uint64_t inode_ = 0;  // Of the socket that listen() made.
};

}  // namespace aivault::platform
