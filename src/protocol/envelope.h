// Envelope: the JSON request of a call, as a struct. Parsing judges shape only (rows 3 to 3f of
// the validation order); what a call may do is decided by policy.
// Thread: any. Errors: invalid_request envelope_json | field_required | file_path_refused |
// body_length, policy_violation url_not_allowed | body_mode.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace aivault::protocol {

struct MultipartFile {
  std::string field;
  std::string filename;               // Empty: derived.
  std::string content_type;           // Empty: derived.
  std::optional<std::string> data;    // Decoded dataB64.
  std::optional<std::uint64_t> size;  // Or: bytes that follow the envelope.
};

struct Multipart {
  std::vector<std::pair<std::string, std::string>> fields;  // In envelope order.
  std::vector<MultipartFile> files;
};

struct StreamBody {
  std::optional<std::uint64_t> size;  // Absent: unknown length.
};

struct NoBody {};
using Body = std::variant<NoBody, std::string, StreamBody, Multipart>;

struct Envelope {
  std::string capability;
  std::optional<std::string> credential;  // Not blank.
  std::optional<std::string> method;      // Absent only if missing parts may be completed.
  std::optional<std::string> path;
  http::Headers headers;  // As the caller wrote them.
  Body body;

  // Bytes announced to follow the envelope; nullopt when a stream of unknown length is among them.
  std::optional<std::uint64_t> announced_bytes() const;
};

enum class Completion : std::uint8_t { refuse_missing, allow_missing };

// The message of a shape error begins with `invalid envelope JSON`. The buffer is the caller's.
Result<Envelope> parse_envelope(std::string_view json, Completion completion);

// The first message on a WebSocket of /aivault/ws: what is to be opened, as the envelope of a GET
// without a body. A `targetUrl` is refused whatever else is wrong.
struct SocketOpening {
  Envelope envelope;
  std::vector<std::string> protocols;
};
Result<SocketOpening> parse_socket_opening(std::string_view json);

}  // namespace aivault::protocol
