// error: no matching function for call to .take.
#include "base/ids.h"

aivault::CredentialId take(aivault::CredentialId id) { return id; }

aivault::CredentialId mix_up(const aivault::SecretId& secret, const aivault::CredentialId& own) {
#ifdef VIOLATION
  return take(secret);
#else
  return take(own);
#endif
}
