// error: call to deleted constructor of 'aivault::auth::SignedRequest'
#include <utility>

#include "auth/sign.h"

aivault::auth::SignedRequest twice(aivault::auth::SignedRequest& request) {
#ifdef VIOLATION
  return request;
#else
  return std::move(request);
#endif
}
