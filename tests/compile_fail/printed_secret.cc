// error: invalid operands to binary expression
#include <ostream>

#include "base/secret.h"

void print(std::ostream& out, const aivault::Secret& secret) {
#ifdef VIOLATION
  out << secret;
#else
  out << secret.size();
#endif
}
