#include "cli/secret_output.h"

#include "base/reveal.h"

namespace aivault::cli {

Result<void> send_secret(Connection& connection, const Secret& body) {
  return connection.send(body.text(Reveal{}));
}

}  // namespace aivault::cli
