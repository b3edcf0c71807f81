// CallEnvelope: the envelope of a call as it arrives, as JSON or framed with announced bytes
// behind it.
// Thread: the event loop. Errors: those of protocol::parse_envelope, invalid_request content_type |
// body_length | http_syntax.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "broker/call.h"
#include "http/message.h"
#include "protocol/envelope.h"
#include "server/core.h"
#include "server/request_body.h"

namespace aivault::server {

struct CallEnvelope {
  protocol::Envelope envelope;
  std::unique_ptr<upstream::BodySource> announced;  // Unset: nothing may follow.
};

// `too_large`: the JSON of an unframed envelope is beyond what is taken.
// `memory` holds the envelope: to be kept as long as that.
boost::asio::awaitable<Result<CallEnvelope>> read_envelope(Core& core,
                                                           MemoryBudget::Share& memory,
                                                           const http::Headers& headers,
                                                           RequestBody& body,
                                                           protocol::Completion completion,
                                                           bool& too_large);

}  // namespace aivault::server
