// ClientIdentity: the certificate by which a credential shows itself to a server (mutual TLS).
// Thread: one object belongs to one thread at a time.
#pragma once

#include "base/secret.h"

namespace aivault::auth {

// PEM, checked to belong together; the first certificate is the leaf.
struct ClientIdentity {
  Secret certificates, key;
};

}  // namespace aivault::auth
