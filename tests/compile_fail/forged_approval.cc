// error: calling a private constructor of class 'aivault::policy::Approved'
#include "policy/decide.h"

aivault::policy::Approved forge(const aivault::policy::Approved& decided) {
#ifdef VIOLATION
  return aivault::policy::Approved("GET", decided.target(), decided.authority());
#else
  return decided;
#endif
}
