#include "http/chunked.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "http/field_line.h"

namespace aivault::http {
namespace {

constexpr std::size_t kMaxSizeDigits = 16;
constexpr std::size_t kMaxTrailers = std::size_t{8} << 10U;  // Bytes.
constexpr std::string_view kLineEnd = "\r\n";

auto refuse(std::string_view why) {
  return invalid_request("http_syntax", "malformed chunked body: " + std::string(why));
}

}  // namespace

// Moves bytes up to and including the line feed into line_; true once it is complete.
Result<bool> ChunkDecoder::take_line(std::string_view input, std::size_t& at, std::size_t limit) {
  const auto rest = input.substr(at);
  const auto feed = rest.find('\n');
  const auto part = rest.substr(0, feed == std::string_view::npos ? feed : feed + 1);
  if (line_.size() + part.size() > limit) return refuse("line too long");
  line_ += part;
  at += part.size();
  if (feed == std::string_view::npos) return false;
  if (!line_.ends_with(kLineEnd)) return refuse("bare line feed");
  line_.resize(line_.size() - kLineEnd.size());
  if (line_.find('\r') != std::string::npos) return refuse("bare carriage return");
  return true;
}

Result<void> ChunkDecoder::take_size() {
  const auto line = std::exchange(line_, {});
  const auto* end = line.data() + line.size();
  const auto [stop, problem] = std::from_chars(line.data(), end, left_, 16);
  if (problem != std::errc() || stop != end) return refuse("chunk size");
  state_ = left_ == 0 ? State::trailer : State::data;
  return {};
}

Result<void> ChunkDecoder::take_trailer() {
  const auto line = std::exchange(line_, {});
  trailer_bytes_ += line.size() + kLineEnd.size();
  if (line.empty()) {
    state_ = State::done;
    return {};
  }
  auto header = parse_field_line(line);
  if (!header) return refuse(header.error());
  trailers_.push_back(*std::move(header));
  return {};
}

Result<ChunkDecoder::Step> ChunkDecoder::feed(std::string_view input) {
  std::size_t at = 0;
  while (at < input.size() && state_ != State::done) {
    if (state_ == State::data) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - at));
      left_ -= size;
      if (left_ == 0) state_ = State::data_end;
      return Step{at + size, input.substr(at, size)};
    }
    std::size_t limit = kLineEnd.size();
    if (state_ == State::size) limit += kMaxSizeDigits;
    if (state_ == State::trailer) limit = kMaxTrailers - trailer_bytes_;
    TRY_ASSIGN(const bool complete, take_line(input, at, limit));
    if (!complete) break;
    if (state_ == State::size) {
      TRY(take_size());
    } else if (state_ == State::trailer) {
      TRY(take_trailer());
    } else {
      if (!line_.empty()) return refuse("text behind the data");
      state_ = State::size;
    }
  }
  return Step{at, {}};
}

std::string chunk_header(std::size_t size) {
  std::array<char, 2 * sizeof size> digits{};
  const auto [end, problem] = std::to_chars(digits.begin(), digits.end(), size, 16);
  return std::string(digits.begin(), end) + std::string(kLineEnd);
}

}  // namespace aivault::http
