// OneShot: the JSON request of a connection that carries nothing else, and the parts of its answer.
// Thread: any; pure. Errors: those of parse_envelope, invalid_request record_invalid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "protocol/envelope.h"

namespace aivault::protocol {

inline constexpr std::size_t kMaxOneShot = std::size_t{32} << 20U;
inline constexpr std::string_view kHealthCapability = "__aivault/health";

struct OneShot {
  bool streams = false;  // Answered line by line as the bytes come.
  bool is_health = false;
  Envelope envelope;
  std::string client_ip, workspace, group;
  std::optional<std::int64_t> timeout_ms;
};

Result<OneShot> parse_one_shot(std::string_view text);

// {"ok":false,"error":"..."}, or the line of a stream that says the same.
std::string one_shot_failure(const OneShot& request, const Error& error);
// What could not be read has no stream.
std::string one_shot_failure(const Error& error);
std::string one_shot_health();

// Of a buffered answer: what stands before its body in Base64, between that and the body as text,
// and behind that. `headers` are those of broker::Answer.
struct OneShotFrame {
  std::string before, between, after;
};
OneShotFrame one_shot_frame(int status, const http::Headers& headers);
// Of a streamed one.
std::string one_shot_chunk(std::string_view body);
std::string one_shot_end();

}  // namespace aivault::protocol
