// ResponseReader: one answer of aivaultd, head, body and trailers, as its bytes arrive.
// Thread: one. Errors: vault_unavailable kConnectionLost (it ended early), invalid_request
// kInvalidResponse (not what aivaultd sends).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/connection.h"
#include "http/chunked.h"
#include "http/head.h"

namespace aivault::cli {

constexpr std::string_view kInvalidResponse = "client:invalid_response";

class ResponseReader {
 public:
  explicit ResponseReader(Connection& connection) : connection_(connection) {}

  // Reads from what has been received; false: more bytes are needed. Interim answers (1xx) are
  // skipped, except that a 100 stops here when `interim` is `stop_at_continue`.
  enum class Interim : std::uint8_t { skip, stop_at_continue };
  Result<bool> read_head(Interim interim = Interim::skip);
  const http::ResponseHead& head() const { return *head_; }
  bool was_continue() const { return was_continue_; }
  // Of the newest interim answer that named one: the approval that the call waits for.
  const std::string& approval() const { return approval_; }

  struct Piece {
    std::string_view data = {};  // Valid until the connection receives again.
    bool is_end = false;
    bool needs_more = false;
  };
  Result<Piece> next_piece();
  // The other side sends no more: is the answer complete?
  Result<void> end_of_input();
  bool complete() const { return complete_; }
  const http::Headers& trailers() const { return chunks_.trailers(); }

 private:
  Connection& connection_;
  std::optional<http::ResponseHead> head_;
  bool was_continue_ = false;
  std::string approval_;
  bool complete_ = false;
  std::uint64_t left_ = 0;
  http::ChunkDecoder chunks_;
};

}  // namespace aivault::cli
