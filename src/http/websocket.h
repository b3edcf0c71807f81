// websocket: the frames of RFC 6455 as bytes: read strictly while they arrive, with nothing held
// but a control frame, and written. No extension is known: every reserved bit is an error. Boost's
// own implementation is not used: it makes the upstream's handshake itself, from a copy of the
// credential in ordinary memory, and answers pings instead of passing them on.
// Thread: any; pure. Source: RFC 6455 5 and 7.4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/utf8.h"

namespace aivault::http::websocket {

enum class Opcode : std::uint8_t {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xA
};

inline constexpr std::uint16_t kNormal = 1000, kGoingAway = 1001, kProtocolError = 1002,
                               kNotUtf8 = 1007, kPolicy = 1008, kTooBig = 1009, kFailed = 1011,
                               kTryAgain = 1013;
inline constexpr std::size_t kMaxControl = 125;  // Bytes of a control frame.
inline constexpr std::size_t kMaxReason = kMaxControl - 2;

struct Close {
  std::uint16_t code = 0;  // 0: none was given.
  std::string reason;
};
bool may_be_sent(std::uint16_t close_code);

// What a peer did wrong, and the code that says so.
struct Violation {
  std::uint16_t code;
  std::string_view what;
};

class FrameReader {
 public:
  enum class Peer : std::uint8_t { client, server };  // Only a client masks its frames.
  FrameReader(Peer peer, std::uint64_t max_message) : peer_(peer), max_message_(max_message) {}

  // What came next. Pieces of a message follow one another, with control frames between them.
  struct Piece {
    enum class Kind : std::uint8_t { nothing, data, ping, pong, close } kind = Kind::nothing;
    Opcode message = Opcode::text;  // Of data: text or binary.
    bool begins = false, ends = false;
    std::string_view bytes;  // In the input, or, of a control frame, valid until the next call.
    Close close;
  };
  // Takes the next piece from the front of `in`, which is unmasked in place; nothing: all of it is
  // taken and more is needed. After a violation nothing more is read.
  tl::expected<Piece, Violation> next(std::span<char>& in);

 private:
  using Found = tl::expected<Piece, Violation>;
  std::size_t head_bytes_needed() const;
  tl::expected<void, Violation> read_head();
  tl::expected<void, Violation> check_kind();
  tl::expected<std::uint64_t, Violation> read_length() const;
  void unmask(std::span<char> bytes);
  Found take_data(std::span<char>& in);
  Found take_control(std::span<char>& in);
  Found read_close() const;

  Peer peer_;
  std::uint64_t max_message_;
  std::array<unsigned char, 14> head_{};
  std::size_t head_size_ = 0;
  bool in_payload_ = false;
  Opcode opcode_ = Opcode::continuation;
  bool final_ = false;
  std::uint64_t left_ = 0;  // Of the payload.
  std::array<unsigned char, 4> mask_{};
  std::size_t mask_at_ = 0;
  std::optional<Opcode> message_;  // Under way.
  bool begins_ = false;
  std::uint64_t message_size_ = 0;
  Utf8Check text_;
  std::array<char, kMaxControl> control_{};
  std::size_t control_size_ = 0;
};

using Mask = std::array<std::byte, 4>;
// Appends one frame; a client's has a mask, which nobody may foresee.
enum class End : bool { of_fragment, of_message };
void append_frame(std::string& out,
                  Opcode opcode,
                  End end,
                  std::string_view payload,
                  const std::optional<Mask>& mask);
// The inside of a close frame; a reason that is too long is cut between characters.
std::string close_payload(const Close& close);

}  // namespace aivault::http::websocket
