// error: no matching conversion for functional-style cast from 'const aivault::Secret'
#include "base/secret.h"
#include "json/value.h"

aivault::json::Value value(const aivault::Secret& secret) {
#ifdef VIOLATION
  return aivault::json::Value(secret);
#else
  return aivault::json::Value(secret.size() > 0);
#endif
}
