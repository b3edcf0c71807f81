// error: calling a private constructor of class 'aivault::policy::PlannedRequest'
#include "policy/plan.h"

aivault::policy::PlannedRequest forge(const aivault::policy::PlannedRequest& planned) {
#ifdef VIOLATION
  return aivault::policy::PlannedRequest(planned.authority());
#else
  return planned;
#endif
}
