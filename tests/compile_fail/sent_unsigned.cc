// error: no viable conversion from .*PlannedRequest.* to 'auth::SignedRequest'
#include <utility>

#include "upstream/client.h"

using namespace aivault;

auto skip(upstream::Client& client,
          policy::PlannedRequest planned,
          auth::SignedRequest genuine,
          upstream::Destination destination,
          upstream::Timeouts timeouts) {
#ifdef VIOLATION
  return client.send(std::move(planned), std::move(destination), nullptr, timeouts);
#else
  return client.send(std::move(genuine), std::move(destination), nullptr, timeouts);
#endif
}
