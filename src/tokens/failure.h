// Failure: why a token endpoint gave no token, in words that hold no secret, and what follows for
// the credential. Pure.
// Thread: any. Source: RFC 6749 5.2; docs/tokens.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "policy/scrub.h"
#include "tokens/reply.h"

namespace aivault::tokens {

enum class Cause : std::uint8_t {
  login,      // Only another login helps.
  refused,    // The client or the request is wrong.
  transient,  // It may work later.
};
std::string_view name_of(Cause cause);  // "login_required", "refused", "transient"

struct Failure {
  Cause cause = Cause::refused;
  Error error;
  std::string host = {};  // That was asked; empty: none was.
};

// Of an answer that is not 2xx. `forms`: every string that must not be shown.
Failure failure_of(const Reply& reply, const std::shared_ptr<const policy::ScrubForms>& forms);
// Of a request that got no answer; a refusal of ours stays as it is.
Failure failure_of(Error unanswered);

// How long a credential is left alone after so many failures in a row: 1 s, 2 s, ... 60 s, or as
// long as the endpoint asked for, at most 10 minutes.
std::chrono::seconds back_off(unsigned failures, int retry_after_s);

}  // namespace aivault::tokens
