// ResponseParser: one HTTP/1.1 response of an upstream, head first, then its body decoded into
// buffers of the caller. Trailers are dropped; content codings are left as they are.
// Thread: any; one parser per response. Errors: upstream_unreachable protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace aivault::upstream {

struct ResponseHead {
  int status = 0;
  http::Headers headers;  // Names in lower case, in order, repeats kept; values as received.
  std::optional<std::uint64_t> content_length;  // As declared, also where no body follows.
  bool body_expected = false;
};

// Whether the request was HEAD, whose answers have no body whatever they declare.
enum class Asked : std::uint8_t { head_only, with_body };

class ResponseParser {
 public:
  explicit ResponseParser(Asked asked);
  ~ResponseParser();
  ResponseParser(ResponseParser&&) noexcept;
  ResponseParser& operator=(ResponseParser&&) noexcept;
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  // `raw`: the complete head, up to and including the empty line. Checked strictly first.
  Result<ResponseHead> parse_head(std::string_view raw);

  struct Step {
    std::size_t consumed = 0;  // Bytes of `received` used up.
    std::size_t produced = 0;  // Bytes of the body put into `into`.
  };
  // Both 0: more input is needed.
  Result<Step> parse_body(std::string_view received, std::span<std::byte> into);

  bool done() const;                  // The body is complete.
  bool ends_with_connection() const;  // Neither a length nor chunks say where it ends.
  bool keeps_connection() const;      // The peer will take another request after it.

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
  bool ends_ = false;  // The last chunk has begun; its trailer has not come.
};

}  // namespace aivault::upstream
