#include "cli/response_reader.h"

#include <algorithm>

#include "protocol/headers.h"

namespace aivault::cli {
namespace {

auto invalid(std::string detail) {
  return invalid_request(std::string(kInvalidResponse), std::move(detail));
}

}  // namespace

Result<bool> ResponseReader::read_head(Interim interim) {
  while (true) {
    const auto received = connection_.received();
    const auto size = http::head_size(received);
    if (size == 0) {
      if (received.size() > http::kMaxHead) return invalid("head too large");
      return false;
    }
    auto head = http::parse_response_head(received.substr(0, size));
    if (!head) return invalid(std::move(head).error().message);
    connection_.consume(size);
    if (head->status < 200) {
      was_continue_ = head->status == 100;
      if (const auto* id = http::find(head->headers, protocol::kApproval)) approval_ = *id;
      if (was_continue_ && interim == Interim::stop_at_continue) return true;
      continue;
    }
    was_continue_ = false;
    left_ = head->content_length;
    complete_ = head->framing == http::Framing::none;
    head_ = *std::move(head);
    return true;
  }
}

Result<ResponseReader::Piece> ResponseReader::next_piece() {
  const auto received = connection_.received();
  switch (head_->framing) {
    case http::Framing::none: break;
    case http::Framing::length: {
      if (left_ == 0) break;
      if (received.empty()) return Piece{.needs_more = true};
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, received.size()));
      left_ -= size;
      connection_.consume(size);
      return Piece{.data = received.substr(0, size)};
    }
    case http::Framing::until_close: {
      if (complete_) break;
      connection_.consume(received.size());
      return Piece{.data = received, .needs_more = received.empty()};
    }
    case http::Framing::chunked: {
      if (chunks_.done()) break;
      auto step = chunks_.feed(received);
      if (!step) return invalid(std::move(step).error().message);
      connection_.consume(step->consumed);
      if (step->data.empty() && !chunks_.done()) return Piece{.needs_more = true};
      if (!step->data.empty()) return Piece{.data = step->data};
      break;
    }
  }
  complete_ = true;
  return Piece{.is_end = true};
}

Result<void> ResponseReader::end_of_input() {
  if (head_ && head_->framing == http::Framing::until_close) complete_ = true;
  if (complete_) return {};
  return vault_unavailable(std::string(kConnectionLost), "the connection was closed");
}

}  // namespace aivault::cli
