// ChunkDecoder: strict decoder of the chunked coding; extensions and bad lines are refused.
// Thread: any; one decoder per body. Source: RFC 9112 7.1. Errors: invalid_request http_syntax.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace aivault::http {

class ChunkDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;  // Bytes of input used up.
    std::string_view data;     // Decoded bytes, a view into the input; may be empty.
  };
  // Feeds input; call again with the rest until consumed == 0 or done().
  Result<Step> feed(std::string_view input);
  bool done() const { return state_ == State::done; }
  const Headers& trailers() const { return trailers_; }  // At most 8 KiB in all.

 private:
  enum class State : std::uint8_t { size, data, data_end, trailer, done };
  Result<bool> take_line(std::string_view input, std::size_t& at, std::size_t limit);
  Result<void> take_size();
  Result<void> take_trailer();

  State state_ = State::size;
  std::uint64_t left_ = 0;
  std::string line_;
  std::size_t trailer_bytes_ = 0;
  Headers trailers_;
};

std::string chunk_header(std::size_t size);  // "1f4\r\n"; after the data comes "\r\n".

}  // namespace aivault::http
