// error: call to deleted constructor of 'aivault::Secret'
#include <utility>

#include "base/secret.h"

aivault::Secret twice(aivault::Secret& secret) {
#ifdef VIOLATION
  return secret;
#else
  return std::move(secret);
#endif
}
