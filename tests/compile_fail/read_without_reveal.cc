// error: argument type 'Reveal' is incomplete
#include "base/secret.h"

// Only base/reveal.h defines Reveal, and tools/check_layers.py knows who may include it.
std::size_t read(const aivault::Secret& secret) {
#ifdef VIOLATION
  return secret.text({}).size();
#else
  return secret.size();
#endif
}
