// hold_body: reads the body of a call into memory where its signature needs it.
// Thread: the event loop. Errors: those of the body, invalid_request body_not_signable.
#pragma once

#include <optional>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "auth/sign.h"
#include "base/result.h"
#include "broker/outgoing_body.h"

namespace aivault::broker {

// The body, empty if there is none; nullopt if it is not at hand. `body` then gives what was read;
// the view lives as long as it does.
boost::asio::awaitable<Result<std::optional<std::string_view>>> hold_body(OutgoingBody& body,
                                                                          auth::BodyNeed need);

}  // namespace aivault::broker
