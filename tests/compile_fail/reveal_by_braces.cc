// error: chosen constructor is explicit in copy-initialization
#include "base/reveal.h"
#include "base/secret.h"

std::size_t read(const aivault::Secret& secret) {
#ifdef VIOLATION
  return secret.text({}).size();
#else
  return secret.text(aivault::Reveal{}).size();
#endif
}
