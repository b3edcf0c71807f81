#include "broker/outgoing_body.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "broker/multipart.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;
using upstream::BodySource;

auto wrong_length(std::string_view how) {
  return invalid_request("body_length",
                         "the request body is " + std::string(how) + " than was announced");
}

class TextBody final : public CountedSource {
 public:
  TextBody(std::string text, BodySource* announced)
      : text_(std::move(text)), announced_(announced) {}

  asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override {
    const auto size = std::min(into.size(), text_.size() - taken());
    if (size == 0) {
      CO_TRY(co_await expect_end(announced_));
      co_return std::size_t{0};
    }
    std::memcpy(into.data(), text_.data() + taken(), size);
    count(size);
    co_return size;
  }

 private:
  std::string text_;
  BodySource* announced_;
};

class StreamedBody final : public CountedSource {
 public:
  explicit StreamedBody(BodySource& announced) : announced_(announced) {}

  asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override {
    auto got = co_await announced_.read(into);
    if (got) count(*got);
    co_return got;
  }

 private:
  BodySource& announced_;
};

// Texts, and between them the bytes of announced files in their order.
class MultipartBody final : public CountedSource {
 public:
  MultipartBody(MultipartLayout layout, BodySource* announced)
      : layout_(std::move(layout)), announced_(announced) {}

  asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override {
    while (index_ < layout_.pieces.size()) {
      auto& piece = layout_.pieces[index_];
      if (position_ < piece.text.size()) {
        const auto size = std::min(into.size(), piece.text.size() - position_);
        std::memcpy(into.data(), piece.text.data() + position_, size);
        position_ += size;
        count(size);
        co_return size;
      }
      if (piece.announced > 0) {
        const auto room = into.first(std::min<std::uint64_t>(into.size(), piece.announced));
        auto got = co_await announced_->read(room);
        if (!got) co_return got;
        if (*got == 0) co_return wrong_length("shorter");
        piece.announced -= *got;
        count(*got);
        co_return got;
      }
      ++index_;
      position_ = 0;
    }
    CO_TRY(co_await expect_end(announced_));
    co_return std::size_t{0};
  }

 private:
  MultipartLayout layout_;
  BodySource* announced_;
  std::size_t index_ = 0;
  std::size_t position_ = 0;
};

std::uint64_t payload_of(const protocol::Multipart& multipart) {
  std::uint64_t bytes = 0;
  for (const auto& [name, value] : multipart.fields) bytes += name.size() + value.size();
  for (const auto& file : multipart.files) {
    bytes += file.field.size() + (file.data ? file.data->size() : file.size.value_or(0));
  }
  return bytes;
}

auto too_large() {
  return policy_violation("body_too_large", "request body exceeds capability size limit");
}

// Ends with an error once it has given more than its limit.
class LimitedBody final : public CountedSource {
 public:
  LimitedBody(std::unique_ptr<CountedSource> body, std::uint64_t limit)
      : body_(std::move(body)), limit_(limit) {}

  asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override {
    auto got = co_await body_->read(into);
    if (!got) co_return got;
    count(*got);
    if (taken() > limit_) co_return too_large();
    co_return got;
  }

 private:
  std::unique_ptr<CountedSource> body_;
  std::uint64_t limit_;
};

}  // namespace

asio::awaitable<Result<void>> expect_end(BodySource* announced) {
  if (announced == nullptr) co_return Result<void>();
  std::array<std::byte, 1> beyond{};
  auto more = co_await announced->read(beyond);
  if (!more) co_return fail(std::move(more).error());
  if (*more != 0) co_return wrong_length("longer");
  co_return Result<void>();
}

Result<void> limit_size(OutgoingBody& body, const std::optional<std::int64_t>& limit) {
  if (!limit || !body.source) return {};
  const auto most = static_cast<std::uint64_t>(*limit);
  if (body.payload) return *body.payload > most ? Result<void>(too_large()) : Result<void>();
  body.source = std::make_unique<LimitedBody>(std::move(body.source), most);
  return {};
}

Result<OutgoingBody> make_body(protocol::Body body, BodySource* announced) {
  OutgoingBody result;
  if (auto* text = std::get_if<std::string>(&body)) {
    result.size = result.payload = text->size();
    result.source = std::make_unique<TextBody>(std::move(*text), announced);
  } else if (const auto* stream = std::get_if<protocol::StreamBody>(&body)) {
    if (announced == nullptr) return wrong_length("shorter");
    result.size = result.payload = stream->size;
    result.source = std::make_unique<StreamedBody>(*announced);
  } else if (auto* multipart = std::get_if<protocol::Multipart>(&body)) {
    result.payload = payload_of(*multipart);
    TRY_ASSIGN(auto layout, lay_out(std::move(*multipart), make_boundary()));
    if (layout.announced > 0 && announced == nullptr) return wrong_length("shorter");
    result.size = layout.size;
    result.multipart_content_type = layout.content_type;
    result.source = std::make_unique<MultipartBody>(std::move(layout), announced);
  }
  return result;
}

}  // namespace aivault::broker
