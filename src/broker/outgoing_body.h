// OutgoingBody: the request body of a call, whatever its mode, as one stream whose size is known
// where it can be.
// Thread: the event loop. Errors: invalid_request body_length | header_syntax; policy_violation
// body_too_large.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "protocol/envelope.h"
#include "upstream/body_source.h"

namespace aivault::broker {

// Counts what was taken from it.
class CountedSource : public upstream::BodySource {
 public:
  std::uint64_t taken() const { return taken_; }

 protected:
  void count(std::size_t bytes) { taken_ += bytes; }

 private:
  std::uint64_t taken_ = 0;
};

struct OutgoingBody {
  std::unique_ptr<CountedSource> source;  // nullptr: the request has no body.
  std::optional<std::uint64_t> size;      // Unset with a source: unknown, sent chunked.
  // What a limit of the size counts: of a multipart body without its framing.
  std::optional<std::uint64_t> payload;
  std::string multipart_content_type;  // Empty: no multipart.
};

// `announced`: the bytes that follow the envelope, or nullptr. It outlives the result, and must
// hold exactly what the body says: fewer or more bytes are body_length.
Result<OutgoingBody> make_body(protocol::Body body, upstream::BodySource* announced);

// A body that is known to be larger is refused, one of unknown size as soon as it is:
// body_too_large.
Result<void> limit_size(OutgoingBody& body, const std::optional<std::int64_t>& limit);

// Nothing may follow here any more.
boost::asio::awaitable<Result<void>> expect_end(upstream::BodySource* announced);

}  // namespace aivault::broker
