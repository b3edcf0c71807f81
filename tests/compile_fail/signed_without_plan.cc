// error: no viable conversion from 'policy::Approved' to 'policy::PlannedRequest'
#include "auth/sign.h"

using namespace aivault;

Result<auth::SignedRequest> skip(policy::Approved approved,
                                 const registry::AuthSpec& auth,
                                 const Secret& secret) {
#ifdef VIOLATION
  return auth::sign(approved, auth, secret);
#else
  return auth::sign(policy::plan(approved, policy::PlanOptions()), auth, secret);
#endif
}
