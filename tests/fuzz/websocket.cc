// Frames of a WebSocket, from either end: however they are cut, the same comes out; what is passed
// on is text where it says so, and every frame that is written is read again as it was.
#include "http/websocket.h"

#include <string>
#include <vector>

#include "base/text.h"
#include "fuzz.h"

using namespace aivault;          // NOLINT: a fuzzer is one function.
using namespace http::websocket;  // NOLINT
using Kind = FrameReader::Piece::Kind;

namespace {

constexpr std::uint64_t kMaxMessage = 4096;

struct Event {
  Kind kind;
  Opcode message;
  std::string bytes;
  std::uint16_t code;
  bool operator==(const Event&) const = default;
};

struct Read {
  std::vector<Event> events;  // Whole messages and control frames.
  std::uint16_t violation = 0;
  bool operator==(const Read&) const = default;
};

Read read(std::string wire, FrameReader::Peer peer, std::size_t step) {
  FrameReader reader(peer, kMaxMessage);
  Read all;
  std::string message;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    std::span<char> in(wire);
    in = in.subspan(at, std::min(step, wire.size() - at));
    for (;;) {
      const auto before = in.size();
      const auto piece = reader.next(in);
      if (!piece) {
        all.violation = piece.error().code;
        MUST(may_be_sent(all.violation));
        return all;
      }
      if (piece->kind == Kind::nothing) {
        MUST(in.empty());
        break;
      }
      MUST(in.size() <= before);
      if (piece->kind != Kind::data) {
        MUST(piece->bytes.size() <= kMaxControl);
        const auto text =
            piece->kind == Kind::close ? piece->close.reason : std::string(piece->bytes);
        all.events.push_back({piece->kind, Opcode::text, text, piece->close.code});
        continue;
      }
      if (piece->begins) message.clear();
      message += piece->bytes;
      MUST(message.size() <= kMaxMessage);
      if (!piece->ends) continue;
      MUST(piece->message != Opcode::text || is_valid_utf8(message));
      all.events.push_back({Kind::data, piece->message, message, 0});
    }
  }
  return all;
}

std::string written(const Event& event) {
  std::string frame;
  const auto opcode = event.kind == Kind::data   ? event.message
                      : event.kind == Kind::ping ? Opcode::ping
                      : event.kind == Kind::pong ? Opcode::pong
                                                 : Opcode::close;
  const auto payload =
      event.kind == Kind::close ? close_payload({event.code, event.bytes}) : event.bytes;
  append_frame(frame, opcode, End::of_message, payload, std::nullopt);
  return frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto peer = data[0] % 2 == 0 ? FrameReader::Peer::client : FrameReader::Peer::server;
  const std::size_t step = 1 + data[1];
  const std::string wire(fuzz::text_of(data + 2, size - 2));
  const auto whole = read(wire, peer, wire.size() + 1);
  MUST(read(wire, peer, step) == whole);
  std::string again;
  for (const auto& event : whole.events) again += written(event);
  const auto reread = read(again, FrameReader::Peer::server, again.size() + 1);
  MUST(reread.violation == 0 && reread.events == whole.events);
  return 0;
}
