// Multipart: lays out a multipart/form-data body with a boundary of the broker's own, so that its
// length is known before the first file byte arrives.
// Thread: any; pure but for make_boundary. Source: RFC 7578. Errors: invalid_request header_syntax.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/envelope.h"

namespace aivault::broker {

struct MultipartLayout {
  struct Piece {
    std::string text;             // As sent,
    std::uint64_t announced = 0;  // then so many bytes of the announced ones.
  };
  std::vector<Piece> pieces;
  std::uint64_t size = 0;       // Of the whole body.
  std::uint64_t announced = 0;  // Of it, bytes that follow the envelope.
  std::string content_type;
};

std::string make_boundary();  // "aivault-" and 32 hex digits, new each time.

// Text fields first, then files, both in envelope order.
Result<MultipartLayout> lay_out(protocol::Multipart multipart, const std::string& boundary);

// By its extension; "application/octet-stream" for what is not known.
std::string_view media_type_of(std::string_view filename);

}  // namespace aivault::broker
