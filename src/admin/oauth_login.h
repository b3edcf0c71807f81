// oauth_login: the halves of a login that need no network: what an operator asks for, and keeping
// what came of it, in one transaction and with a record.
// Thread: where handlers run. Errors: invalid_request record_invalid, oauth_refresh_required
// setup_incomplete; those of the vault and of secrets.
#pragma once

#include "admin/desk.h"
#include "admin/operation.h"
#include "base/result.h"
#include "tokens/logins.h"

namespace aivault::admin {

// The body of `POST /aivault/oauth/login`.
Result<tokens::LoginPlan> plan_login(Desk& desk, const Request& request);
// The body of its callback.
Result<tokens::Redirect> redirect_in(const Request& request);

Result<Answer> store_login(Desk& desk, const Request& request, const tokens::Obtained& obtained);
// The record of one that failed; the reason is the caller's to tell.
void record_failed_login(Desk& desk,
                         const Request& request,
                         const tokens::LoginPlan& plan,
                         const Error& error);

}  // namespace aivault::admin
