// ContentDecoder: undoes the content codings of an answer while it streams, in bounded memory.
// Thread: one object belongs to one thread at a time.
// Errors: upstream_unreachable encoding_unsupported | decompression_limit | protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"
#include "upstream/content_codec.h"

namespace aivault::upstream {

class ContentDecoder {
 public:
  // By the content-encoding of `headers`; nullptr: the body is not coded.
  static Result<std::unique_ptr<ContentDecoder>> of(const http::Headers& headers);
  ~ContentDecoder();
  ContentDecoder(const ContentDecoder&) = delete;
  ContentDecoder& operator=(const ContentDecoder&) = delete;

  // Takes from the front of `in` and fills `into`. Both 0: more input is needed.
  Result<ContentCodec::Step> decode(std::string_view in, std::span<std::byte> into);
  // The input has ended and no output is left: was it complete?
  Result<void> finish() const;

 private:
  ContentDecoder() = default;
  Result<ContentCodec::Step> run(std::string_view in, std::span<std::byte> into);
  Result<ContentCodec::Step> run_second(std::span<std::byte> into);

  std::vector<std::unique_ptr<ContentCodec>> codecs_;  // The last one applied first; one or two.
  std::vector<std::byte> between_;                     // Of two: [begin_, end_) is to be decoded.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t produced_ = 0;
};

}  // namespace aivault::upstream
