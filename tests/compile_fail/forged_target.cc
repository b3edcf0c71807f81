// error: calling a private constructor of class 'aivault::http::Target'
#include "http/target.h"

aivault::http::Target forge(const aivault::http::Target& checked) {
#ifdef VIOLATION
  aivault::http::Target target;
  return target;
#else
  return checked;
#endif
}
