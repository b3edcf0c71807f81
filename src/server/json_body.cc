#include "server/json_body.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/text.h"
#include "json/parse.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;
constexpr std::size_t kPiece = std::size_t{16} << 10U;
constexpr std::size_t kFirstRoom = std::size_t{64} << 10U;

auto larger() { return invalid_request("http_syntax", "the request body is too large"); }

}  // namespace

bool is_json_type(std::string_view content_type) {
  const auto parts = split(content_type, ';');
  if (!equals_ignore_case(trim(parts.front()), "application/json")) return false;
  if (parts.size() == 1) return true;
  const auto parameter = trim(parts[1]);
  return parts.size() == 2 && (equals_ignore_case(parameter, "charset=utf-8") ||
                               equals_ignore_case(parameter, "charset=\"utf-8\""));
}

asio::awaitable<Result<void>> JsonBody::read(RequestBody& body,
                                             MemoryBudget::Share& memory,
                                             std::size_t limit,
                                             bool& too_large) {
  too_large = body.declared_size().value_or(0) > limit;
  if (too_large) co_return larger();
  while (!body.complete()) {
    const auto had = text_.size();
    const auto expected = static_cast<std::size_t>(body.declared_size().value_or(limit + 1));
    const auto room = std::min(kPiece, expected - had);
    if (had + room > text_.capacity()) {
      const auto capacity = std::min(std::max(kFirstRoom, 2 * text_.capacity()), expected);
      CO_TRY(memory.hold(capacity));
      text_.reserve(capacity);
    }
    text_.resize(had + room);
    const auto into = std::as_writable_bytes(std::span(text_).subspan(had));
    auto got = co_await body.read(into);
    text_.resize(had + got.value_or(0));
    if (!got) co_return fail(std::move(got).error());
    too_large = text_.size() > limit;
    if (too_large) co_return larger();
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> JsonBody::read_part(RequestBody& body,
                                                  MemoryBudget::Share& memory,
                                                  std::size_t size) {
  CO_TRY(memory.hold(size));
  text_.resize(size);
  std::size_t have = 0;
  while (have < size) {
    const auto into = std::as_writable_bytes(std::span(text_).subspan(have));
    CO_TRY_ASSIGN(const auto got, co_await body.read(into));
    if (got == 0) co_return invalid_request("body_length", "the request body ended early");
    have += got;
  }
  co_return Result<void>();
}

Result<void> JsonBody::parse(std::size_t limit) {
  json::Limits limits;
  // A route that takes more bytes takes more values, too; never as many more.
  if (limit > limits.bytes) {
    limits.keys *= 4;
    limits.values *= 2;
  }
  limits.bytes = limit;
  try {
    TRY_ASSIGN(value_,
               json::parse(text_.empty() ? "{}" : text(), limits, json::Positions::none, &memory_));
  } catch (const std::exception&) {
    return vault_unavailable("internal", "internal error");
  }
  return {};
}

}  // namespace aivault::server
