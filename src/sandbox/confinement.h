// Confinement: what a program of somebody else's is put into before it starts: a network of its own
// with nothing but 127.0.0.1, no sight of the named places, no new privileges, and files written
// only where it works. All of it or nothing: what the kernel lacks or forbids is an error.
// Thread: the only one of a process that is about to become that program.
// Errors: vault_unavailable sandbox. Source: user_namespaces(7), network_namespaces(7).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "platform/descriptor.h"
#include "sandbox/landlock.h"

namespace aivault::sandbox {

// Paths are real ones, without links. One that does not exist is nothing to hide.
struct Confinement {
  ProgramPaths paths;
  std::uint16_t port = 0;  // On the new 127.0.0.1, where the program finds the way out.
};

// Whether `place` is `directory` or lies in it.
bool is_within(const std::string& place, const std::string& directory);

// The listener on that port, for a process outside to serve.
Result<platform::Descriptor> confine(const Confinement& confinement);

}  // namespace aivault::sandbox
