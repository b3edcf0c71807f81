// stream: operator requests that give or take a long run of bytes, in constant memory and without
// keeping other requests waiting.
// Thread: the event loop; handlers run on the bulk thread. Errors: busy while another one runs;
// invalid_request content_type | body_length; those of the handler.
#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>

#include "admin/operation.h"
#include "server/json_body.h"
#include "server/memory_budget.h"
#include "server/turn.h"

namespace aivault::server {

// One operation on its way to its thread and back; it owns all that the handler sees.
struct Job {
  const admin::Operation& operation;
  admin::Request request;
  JsonBody body{};
};

// With `job`'s body read.
boost::asio::awaitable<void> answer_download(Turn& turn, std::shared_ptr<Job> job);
// The body of `turn` is the frame.
boost::asio::awaitable<void> answer_upload(Turn& turn,
                                           MemoryBudget::Share& memory,
                                           std::shared_ptr<Job> job);

// What answers an operation, as the table says.
Result<Reply> reply_of(admin::Answer answer);

}  // namespace aivault::server
