// JsonBody: a JSON request body in memory that is wiped, and its parsed form.
// Thread: one object belongs to one thread at a time. Errors: invalid_request content_type |
// record_invalid | http_syntax, policy_violation concurrency_limit.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "http/message.h"
#include "json/value.h"
#include "json/wiping_memory.h"
#include "server/memory_budget.h"
#include "server/request_body.h"

namespace aivault::server {

// "application/json", optionally with "; charset=utf-8".
bool is_json_type(std::string_view content_type);

class JsonBody {
 public:
  JsonBody() = default;
  JsonBody(const JsonBody&) = delete;
  JsonBody& operator=(const JsonBody&) = delete;

  // The whole body, at most `limit` bytes; `too_large` says that there are more. `memory` holds
  // what has arrived, not what was announced.
  boost::asio::awaitable<Result<void>> read(RequestBody& body,
                                            MemoryBudget::Share& memory,
                                            std::size_t limit,
                                            bool& too_large);
  // The next `size` bytes of the body and no more.
  boost::asio::awaitable<Result<void>> read_part(RequestBody& body,
                                                 MemoryBudget::Share& memory,
                                                 std::size_t size);
  std::string_view text() const { return {text_.data(), text_.size()}; }
  // An empty body counts as {}. Throws nothing.
  Result<void> parse(std::size_t limit);
  const json::Value& value() const { return value_; }

 private:
  json::WipingMemory memory_;  // First: the others are made of it.
  std::pmr::vector<char> text_{&memory_};
  json::Value value_{&memory_};
};

}  // namespace aivault::server
