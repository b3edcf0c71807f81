// ContentCodec: one content coding, undone while it streams: gzip, deflate, br, zstd.
// Thread: one object belongs to one thread at a time. What it allocates is wiped when it is freed.
// Source: RFC 1952, RFC 1950 and 1951, RFC 7932, RFC 8878. Errors: upstream_unreachable protocol.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"

namespace aivault::upstream {

class ContentCodec {
 public:
  ContentCodec() = default;
  virtual ~ContentCodec() = default;
  ContentCodec(const ContentCodec&) = delete;
  ContentCodec& operator=(const ContentCodec&) = delete;

  struct Step {
    std::size_t consumed = 0;  // Of `in`.
    std::size_t produced = 0;  // Into `into`.
  };
  // Both 0: more input is needed. Output that found no room comes with the next call.
  virtual Result<Step> decode(std::string_view in, std::span<std::byte> into) = 0;
  virtual bool may_end() const = 0;  // The coded body is complete.
};

// `name` in lower case; nullptr: unknown.
std::unique_ptr<ContentCodec> make_codec(std::string_view name);

}  // namespace aivault::upstream
