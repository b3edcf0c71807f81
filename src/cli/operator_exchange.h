// operator_exchange: one request of an operator on a connection, and its answer: a document, or
// bytes as they arrive.
// Thread: one. Errors: the daemon's, with its bare message; vault_unavailable kConnectionLost or
// kNoAnswer, invalid_request kInvalidResponse.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "cli/connection.h"
#include "cli/response_reader.h"
#include "json/value.h"
#include "protocol/headers.h"

namespace aivault::cli {

// The body of a request, in the order of its parts.
struct Upload {
  std::string_view type = protocol::kJsonType;
  std::string_view text = {};
  const Secret* secret = nullptr;
  int file = -1;  // Read from its present offset.
  std::uint64_t file_size = 0;

  std::uint64_t size() const;
};

// "GET /aivault/health HTTP/1.1" and the headers that every request has; not the empty line.
std::string request_head(std::string_view method, const std::string& target);

// The answer, past its head; an answer that is an error is the Error. Of the body nothing is sent
// before the daemon has said 100. `body` may be nullptr.
Result<ResponseReader> send_request(Connection& connection,
                                    const std::string& head,
                                    const Upload* body);

Result<json::Value> read_document(Connection& connection, ResponseReader& answer);

using ByteSink = std::function<Result<void>(std::string_view)>;
enum class Patience : std::uint8_t {
  of_an_answer,  // The daemon has something to say within five minutes.
  while_read,    // Forever, as long as somebody reads our stdout.
};
// To the end of the body; the trailers are in answer.trailers() then.
Result<void> read_bytes(Connection& connection,
                        ResponseReader& answer,
                        Patience patience,
                        const ByteSink& sink);

}  // namespace aivault::cli
