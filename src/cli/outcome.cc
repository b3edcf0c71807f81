#include "cli/outcome.h"

#include "cli/response_reader.h"
#include "http/percent.h"
#include "json/write.h"
#include "protocol/error_body.h"
#include "protocol/headers.h"

namespace aivault::cli {

std::string trailer(const http::Headers& trailers, std::string_view name) {
  const auto* value = http::find(trailers, name);
  return value == nullptr ? std::string() : *value;
}

Result<void> judge_outcome(const http::Headers& trailers) {
  const auto outcome = trailer(trailers, protocol::kOutcome);
  if (outcome == "ok") return {};
  if (outcome != "error") {
    return vault_unavailable(std::string(kConnectionLost), "the connection was closed");
  }
  const auto message = http::percent_decode(trailer(trailers, protocol::kMessage));
  const auto text =
      json::compact(json::Value::object({{"error", trailer(trailers, protocol::kError)},
                                         {"message", message},
                                         {"reason", trailer(trailers, protocol::kReason)}}));
  auto error = protocol::error_from_json(text);
  if (!error) return invalid_request(std::string(kInvalidResponse), "unknown outcome");
  return fail(*std::move(error));
}

}  // namespace aivault::cli
