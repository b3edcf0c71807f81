#include "http/websocket.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace aivault::http::websocket {
namespace {

constexpr unsigned kFinal = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kLength = 0x7F;
constexpr unsigned kLength16 = 126, kLength64 = 127;
constexpr std::size_t kMaskBytes = 4;

auto violation(std::string_view what, std::uint16_t code = kProtocolError) {
  return tl::unexpected(Violation{code, what});
}

bool is_control(Opcode opcode) { return static_cast<unsigned>(opcode) >= 0x8; }

std::uint64_t big_endian(std::span<const unsigned char> bytes) {
  std::uint64_t value = 0;
  for (const auto byte : bytes) value = value << 8U | byte;
  return value;
}

void append_big_endian(std::string& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = bytes; i-- > 0;) out += static_cast<char>(value >> 8U * i & 0xFFU);
}

}  // namespace

// The registry of RFC 6455 11.7: what may be sent, libraries' and applications' codes included.
bool may_be_sent(std::uint16_t close_code) {
  if (close_code >= 1000 && close_code <= 1014) return close_code < 1004 || close_code > 1006;
  return close_code >= 3000 && close_code <= 4999;
}

std::size_t FrameReader::head_bytes_needed() const {
  if (head_size_ < 2) return 2;
  const unsigned length = head_[1] & kLength;
  const std::size_t extended = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
  return 2 + extended + ((head_[1] & kMasked) != 0 ? kMaskBytes : 0);
}

tl::expected<FrameReader::Piece, Violation> FrameReader::next(std::span<char>& in) {
  while (!in_payload_) {
    // The first two bytes are judged before more of the head is waited for.
    while (head_size_ < head_bytes_needed() && !in.empty()) {
      head_.at(head_size_++) = static_cast<unsigned char>(in.front());
      in = in.subspan(1);
      if (head_size_ == 2) TRY(check_kind());
    }
    if (head_size_ < head_bytes_needed()) return Piece();
    TRY(read_head());
  }
  return is_control(opcode_) ? take_control(in) : take_data(in);
}

tl::expected<void, Violation> FrameReader::check_kind() {
  const unsigned first = head_[0];
  if ((first & kReserved) != 0) return violation("a reserved bit is set");
  final_ = (first & kFinal) != 0;
  opcode_ = static_cast<Opcode>(first & 0x0FU);
  const bool masked = (head_[1] & kMasked) != 0;
  if (masked != (peer_ == Peer::client)) {
    return violation(masked ? "a server's frame is masked" : "a client's frame is not masked");
  }
  switch (opcode_) {
    case Opcode::continuation:
      if (!message_) return violation("a continuation of no message");
      return {};
    case Opcode::text:
    case Opcode::binary:
      if (message_) return violation("a message inside another one");
      return {};
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      if (!final_) return violation("a fragmented control frame");
      if ((head_[1] & kLength) > kMaxControl) return violation("a control frame is too long");
      return {};
  }
  return violation("an unknown opcode");
}

tl::expected<std::uint64_t, Violation> FrameReader::read_length() const {
  const unsigned length = head_[1] & kLength;
  const std::span head(head_);
  if (length < kLength16) return length;
  const auto value = big_endian(length == kLength16 ? head.subspan(2, 2) : head.subspan(2, 8));
  if (value >> 63U != 0) return violation("a length of more than 63 bits");
  const std::uint64_t least = length == kLength16 ? kLength16 : 0x10000;
  if (value < least) return violation("a length that is not as short as it can be");
  return value;
}

tl::expected<void, Violation> FrameReader::read_head() {
  TRY_ASSIGN(left_, read_length());
  if (peer_ == Peer::client) {
    std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(head_size_ - kMaskBytes),
                kMaskBytes,
                mask_.begin());
  }
  mask_at_ = 0;
  head_size_ = 0;
  in_payload_ = true;
  if (is_control(opcode_)) {
    control_size_ = 0;
    return {};
  }
  begins_ = opcode_ != Opcode::continuation;
  if (begins_) {
    message_ = opcode_;
    message_size_ = 0;
    text_ = Utf8Check();
  }
  if (left_ > max_message_ - message_size_) return violation("the message is too big", kTooBig);
  message_size_ += left_;
  return {};
}

void FrameReader::unmask(std::span<char> bytes) {
  if (peer_ == Peer::server) return;
  for (char& byte : bytes) {
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ mask_.at(mask_at_));
    mask_at_ = (mask_at_ + 1) % kMaskBytes;
  }
}

FrameReader::Found FrameReader::take_data(std::span<char>& in) {
  const auto size = std::min<std::uint64_t>(left_, in.size());
  if (size == 0 && left_ > 0) return Piece();
  const auto bytes = in.first(size);
  in = in.subspan(size);
  unmask(bytes);
  left_ -= size;
  in_payload_ = left_ > 0;
  Piece piece;
  piece.kind = Piece::Kind::data;
  piece.message = message_.value_or(Opcode::binary);
  piece.begins = std::exchange(begins_, false);
  piece.ends = final_ && left_ == 0;
  piece.bytes = {bytes.data(), bytes.size()};
  if (piece.message == Opcode::text) {
    const bool valid = text_.feed(piece.bytes) && (!piece.ends || text_.is_complete());
    if (!valid) return violation("a text is not UTF-8", kNotUtf8);
  }
  if (piece.ends) message_.reset();
  return piece;
}

FrameReader::Found FrameReader::take_control(std::span<char>& in) {
  const auto size = std::min<std::uint64_t>(left_, in.size());
  const auto bytes = in.first(size);
  in = in.subspan(size);
  unmask(bytes);
  std::ranges::copy(bytes, control_.begin() + static_cast<std::ptrdiff_t>(control_size_));
  control_size_ += size;
  left_ -= size;
  if (left_ > 0) return Piece();
  in_payload_ = false;
  if (opcode_ == Opcode::close) return read_close();
  Piece piece;
  piece.kind = opcode_ == Opcode::ping ? Piece::Kind::ping : Piece::Kind::pong;
  piece.bytes = {control_.data(), control_size_};
  return piece;
}

FrameReader::Found FrameReader::read_close() const {
  Piece piece;
  piece.kind = Piece::Kind::close;
  if (control_size_ == 0) return piece;
  if (control_size_ == 1) return violation("a close frame of one byte");
  const auto high = static_cast<unsigned char>(control_[0]);
  const auto low = static_cast<unsigned char>(control_[1]);
  piece.close.code = static_cast<std::uint16_t>(high << 8U | low);
  if (!may_be_sent(piece.close.code)) return violation("a close code that may not be sent");
  piece.close.reason.assign(control_.data() + 2, control_size_ - 2);
  if (!is_valid_utf8(piece.close.reason)) return violation("a reason is not UTF-8", kNotUtf8);
  return piece;
}

void append_frame(std::string& out,
                  Opcode opcode,
                  End end,
                  std::string_view payload,
                  const std::optional<Mask>& mask) {
  const unsigned masked = mask ? kMasked : 0;
  out += static_cast<char>((end == End::of_message ? kFinal : 0) | static_cast<unsigned>(opcode));
  if (payload.size() < kLength16) {
    out += static_cast<char>(masked | payload.size());
  } else if (payload.size() < 0x10000) {
    out += static_cast<char>(masked | kLength16);
    append_big_endian(out, payload.size(), 2);
  } else {
    out += static_cast<char>(masked | kLength64);
    append_big_endian(out, payload.size(), 8);
  }
  if (!mask) {
    out += payload;
    return;
  }
  for (const auto byte : *mask) out += static_cast<char>(byte);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out += static_cast<char>(static_cast<unsigned char>(payload[i]) ^
                             static_cast<unsigned char>(mask->at(i % kMaskBytes)));
  }
}

std::string close_payload(const Close& close) {
  std::string payload;
  if (close.code == 0) return payload;
  append_big_endian(payload, close.code, 2);
  std::string_view reason = close.reason;
  reason = reason.substr(0, kMaxReason);
  while (!is_valid_utf8(reason)) reason.remove_suffix(1);
  return payload.append(reason);
}

}  // namespace aivault::http::websocket
