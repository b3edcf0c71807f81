// BodySource: where the bytes of a request body come from, one piece at a time.
// Thread: the event loop. A read that is cancelled (asio cancellation) ends soon, with any Error.
#pragma once

#include <cstddef>
#include <span>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace aivault::upstream {

class BodySource {
 public:
  virtual ~BodySource() = default;
  // How many bytes were put into `into` (which is not empty); 0 is the end of the body.
  virtual boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) = 0;
};

}  // namespace aivault::upstream
