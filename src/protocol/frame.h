// Frame: the application/vnd.aivault.envelope body: a 4-byte big-endian length, that many bytes of
// envelope JSON, then whatever the envelope announces.
// Thread: any; one decoder per body. Errors: invalid_request envelope_json | body_length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aivault::protocol {

constexpr std::size_t kMaxEnvelope = std::size_t{32} << 20U;     // Bytes of JSON.
constexpr std::size_t kFirstFrameRoom = std::size_t{64} << 10U;  // Reserved at first.
constexpr std::size_t kFramePrefix = 4;                          // Bytes.

// The length and `json`; the announced bytes go out behind it.
Result<std::string> encode_frame(std::string_view json);

// Gathers the JSON however the body is cut. Memory grows with what has arrived, not with what the
// length promises.
class FrameDecoder {
 public:
  // Bytes of `input` used up; less than all of it only when done(): the rest are announced bytes.
  Result<std::size_t> feed(std::string_view input);
  // The body has ended: an error unless done().
  Result<void> finish() const;
  bool done() const { return have_ == kFramePrefix && json_.size() == size_; }
  const std::string& json() const { return json_; }  // Complete when done().

 private:
  std::size_t have_ = 0;  // Bytes of the length.
  std::uint32_t size_ = 0;
  std::string json_;
};

}  // namespace aivault::protocol
