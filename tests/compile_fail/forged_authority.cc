// error: calling a private constructor of class 'aivault::http::Authority'
#include "http/host.h"

aivault::http::Authority forge(const aivault::http::Authority& checked) {
#ifdef VIOLATION
  aivault::http::Authority authority;
  return authority;
#else
  return checked;
#endif
}
