// call_exchange: one call with an acknowledged daemon: its body out, its answer in, both at the
// same time and in constant memory.
// Thread: one. Errors: the daemon's, as `Code: message`; vault_unavailable kConnectionLost,
// invalid_request kInvalidResponse.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/body_input.h"
#include "cli/reach.h"
#include "http/head.h"

namespace aivault::cli {

// Takes the answer of the upstream as it arrives.
class AnswerSink {
 public:
  AnswerSink() = default;
  AnswerSink(const AnswerSink&) = delete;
  AnswerSink& operator=(const AnswerSink&) = delete;
  virtual ~AnswerSink() = default;
  virtual Result<void> take_head(const http::ResponseHead& head) = 0;
  virtual Result<void> take(std::string_view bytes) = 0;
};

// What happens before there is an answer.
class CallNotices {
 public:
  CallNotices() = default;
  CallNotices(const CallNotices&) = delete;
  CallNotices& operator=(const CallNotices&) = delete;
  virtual ~CallNotices() = default;
  virtual void waits_for_approval(const std::string& id) = 0;
};

// The head of the upstream's answer, once all of it was taken and the daemon has said that it is
// complete.
Result<http::ResponseHead> exchange_call(Acknowledged& daemon,
                                         BodyInput& body,
                                         AnswerSink& sink,
                                         CallNotices* notices = nullptr);

// The head of the request on the wire.
struct CallHead {
  std::string content_type;
  std::optional<std::uint64_t> content_length;  // nullopt: chunked.
  http::Headers control;                        // x-aivault-...
};
std::string to_wire(const CallHead& head);

}  // namespace aivault::cli
