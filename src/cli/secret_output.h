// secret_output: the one place where aivault hands a secret's bytes to the kernel: the body of a
// request to the daemon.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "cli/connection.h"

namespace aivault::cli {

Result<void> send_secret(Connection& connection, const Secret& body);

}  // namespace aivault::cli
