// LoopbackDoor: a listener on 127.0.0.1 for programs that cannot speak to a unix socket: what comes
// in from our own uid goes to the daemon, marked as TCP, and back.
// Thread: the one that made it; the bytes are copied by another.
// Errors: vault_unavailable internal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::cli {

class LoopbackDoor {
 public:
  static Result<std::unique_ptr<LoopbackDoor>> open();
  // Of a network namespace where nobody is but the program; its port is known to who made it.
  static Result<std::unique_ptr<LoopbackDoor>> adopt(platform::Descriptor listening,
                                                     std::uint16_t port);
  ~LoopbackDoor();  // Closes every connection.
  LoopbackDoor(const LoopbackDoor&) = delete;
  LoopbackDoor& operator=(const LoopbackDoor&) = delete;

  std::uint16_t port() const { return port_; }
  // Begins to serve. `dial` makes a connection to the daemon, or none; it is called on another
  // thread.
  using Dial = std::function<platform::Descriptor()>;
  void serve(Dial dial);

 private:
  enum class Guests : std::uint8_t { of_our_uid, all };
  LoopbackDoor(platform::Descriptor listening, std::uint16_t port, Guests guests)
      : listening_(std::move(listening)), port_(port), guests_(guests) {}
  Result<void> prepare_to_stop();

  platform::Descriptor listening_;
  std::uint16_t port_;
  Guests guests_;
  platform::Descriptor stop_, stopped_;  // Two ends of a pipe: closing one stops the thread.
  std::thread thread_;
};

}  // namespace aivault::cli
