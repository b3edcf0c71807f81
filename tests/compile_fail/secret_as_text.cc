// error: no viable conversion from returned value of type 'const aivault::Secret'
#include <string>

#include "base/secret.h"

std::string text(const aivault::Secret& secret) {
#ifdef VIOLATION
  return secret;
#else
  return std::to_string(secret.size());
#endif
}
