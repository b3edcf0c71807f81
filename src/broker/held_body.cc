#include "broker/held_body.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace aivault::broker {
namespace {

namespace asio = boost::asio;

constexpr std::uint64_t kMostSmall = std::uint64_t{1} << 20U;
constexpr std::uint64_t kMostWhole = std::uint64_t{32} << 20U;
constexpr std::size_t kPiece = 65'536;

class HeldBody final : public CountedSource {
 public:
  explicit HeldBody(std::string text) : text_(std::move(text)) {}

  asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override {
    const auto size = std::min(into.size(), text_.size() - static_cast<std::size_t>(taken()));
    std::memcpy(into.data(), text_.data() + taken(), size);
    count(size);
    co_return size;
  }
  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

tl::unexpected<Error> too_large() {
  return invalid_request("body_not_signable", "request body too large to sign");
}

asio::awaitable<Result<std::string>> read_all(CountedSource& source) {
  std::string text;
  std::vector<std::byte> piece(kPiece);
  while (true) {
    CO_TRY_ASSIGN(const auto got, co_await source.read(piece));
    if (got == 0) co_return text;
    if (text.size() + got > kMostWhole) co_return too_large();
    text.append(reinterpret_cast<const char*>(piece.data()), got);
  }
}

}  // namespace

asio::awaitable<Result<std::optional<std::string_view>>> hold_body(OutgoingBody& body,
                                                                   auth::BodyNeed need) {
  using View = std::optional<std::string_view>;
  if (need == auth::BodyNeed::nothing || !body.source) co_return View("");
  if (need == auth::BodyNeed::small && body.size.value_or(kMostSmall + 1) > kMostSmall) {
    co_return View();
  }
  if (body.size.value_or(0) > kMostWhole) co_return too_large();
  CO_TRY_ASSIGN(auto text, co_await read_all(*body.source));
  auto held = std::make_unique<HeldBody>(std::move(text));
  const auto view = held->text();
  body.source = std::move(held);
  co_return View(view);
}

}  // namespace aivault::broker
