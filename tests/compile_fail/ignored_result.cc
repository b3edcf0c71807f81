// error: ignoring return value of function declared with .nodiscard.
#include "http/target.h"

bool check(std::string_view prefix) {
#ifdef VIOLATION
  aivault::http::check_prefix(prefix);
  return true;
#else
  return aivault::http::check_prefix(prefix).has_value();
#endif
}
