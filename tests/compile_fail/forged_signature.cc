// error: calling a private constructor of class 'aivault::auth::SignedRequest'
#include "auth/sign.h"

using namespace aivault;

auth::SignedRequest forge(policy::PlannedRequest planned, auth::SignedRequest genuine) {
#ifdef VIOLATION
  return auth::SignedRequest(planned, Secret());
#else
  return genuine;
#endif
}
