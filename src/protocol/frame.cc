#include "protocol/frame.h"

#include <algorithm>
#include <bit>

namespace aivault::protocol {
namespace {

auto too_large() {
  return invalid_request("envelope_json", "invalid envelope JSON: larger than 32 MiB");
}

}  // namespace

Result<std::string> encode_frame(std::string_view json) {
  if (json.size() > kMaxEnvelope) return too_large();
  std::string frame;
  frame.reserve(kFramePrefix + json.size());
  for (std::size_t i = kFramePrefix; i-- > 0;) {
    frame += static_cast<char>(json.size() >> (8 * i) & 0xFFU);
  }
  frame += json;
  return frame;
}

Result<std::size_t> FrameDecoder::feed(std::string_view input) {
  std::size_t used = 0;
  while (have_ < kFramePrefix && used < input.size()) {
    size_ = size_ << 8U | static_cast<unsigned char>(input[used++]);
    ++have_;
  }
  if (have_ < kFramePrefix) return used;
  if (size_ > kMaxEnvelope) return too_large();
  const auto part = input.substr(used, size_ - json_.size());
  const auto needed = json_.size() + part.size();
  if (needed > json_.capacity()) {
    // In powers of two, so that the largest envelope takes no more room than it needs.
    const auto room = std::max(kFirstFrameRoom, std::bit_ceil(needed));
    json_.reserve(std::min<std::size_t>(size_, room));
  }
  json_ += part;
  return used + part.size();
}

Result<void> FrameDecoder::finish() const {
  if (done()) return {};
  return invalid_request("body_length", "the body ends inside its envelope");
}

}  // namespace aivault::protocol
