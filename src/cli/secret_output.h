// secret_output: the one place where aivault hands a secret's bytes to the kernel: the body of a
// request to the daemon, and a new key for the program that seals it.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "cli/connection.h"
#include "platform/descriptor.h"

namespace aivault::cli {

Result<void> send_secret(Connection& connection, const Secret& body);

// The reading end of a pipe that holds 32 random bytes as hex digits, and nothing more.
Result<platform::Descriptor> pipe_with_new_key();

}  // namespace aivault::cli
