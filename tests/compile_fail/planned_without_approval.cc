// error: no viable conversion from 'policy::CallRequest' to 'Approved'
#include "policy/plan.h"

using namespace aivault;

policy::PlannedRequest skip(policy::CallRequest request, policy::Approved approved) {
#ifdef VIOLATION
  return policy::plan(request, policy::PlanOptions());
#else
  return policy::plan(approved, policy::PlanOptions());
#endif
}
