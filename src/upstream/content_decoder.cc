#include "upstream/content_decoder.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "base/wipe.h"

namespace aivault::upstream {
namespace {

constexpr std::size_t kMaxCodings = 2;
constexpr std::size_t kBetween = std::size_t{16} << 10U;
// What compresses better than this is made to fill memory or disks.
constexpr std::uint64_t kMaxExpansion = 1000;
constexpr std::uint64_t kExpandsFreely = std::uint64_t{1} << 20U;

using Step = ContentCodec::Step;

auto unsupported(std::string_view coding) {
  return fail(ErrorCode::upstream_unreachable,
              "encoding_unsupported",
              "the upstream's answer has a content coding that cannot be decoded: " +
                  quote_for_message(coding));
}

auto cut_or_broken() {
  return fail(ErrorCode::upstream_unreachable,
              "protocol",
              "the upstream's answer does not end where its content coding does");
}

// As they were applied, without identity.
std::vector<std::string> codings_of(const http::Headers& headers) {
  std::vector<std::string> codings;
  for (const auto& header : headers) {
    if (header.name != "content-encoding") continue;
    for (const auto part : split(header.value, ',')) {
      auto name = to_lower(trim(part));
      if (!name.empty() && name != "identity") codings.push_back(std::move(name));
    }
  }
  return codings;
}

}  // namespace

Result<std::unique_ptr<ContentDecoder>> ContentDecoder::of(const http::Headers& headers) {
  auto codings = codings_of(headers);
  if (codings.empty()) return nullptr;
  if (codings.size() > kMaxCodings) return unsupported("more than two, one in another");
  std::unique_ptr<ContentDecoder> decoder(new ContentDecoder);
  for (; !codings.empty(); codings.pop_back()) {
    auto codec = make_codec(codings.back());
    if (!codec) return unsupported(codings.back());
    decoder->codecs_.push_back(std::move(codec));
  }
  if (decoder->codecs_.size() > 1) decoder->between_.resize(kBetween);
  return decoder;
}

ContentDecoder::~ContentDecoder() { wipe(between_.data(), between_.size()); }

Result<Step> ContentDecoder::run_second(std::span<std::byte> into) {
  const std::string_view in(reinterpret_cast<const char*>(between_.data()) + begin_, end_ - begin_);
  TRY_ASSIGN(const auto step, codecs_[1]->decode(in, into));
  begin_ += step.consumed;
  return step;
}

Result<Step> ContentDecoder::run(std::string_view in, std::span<std::byte> into) {
  if (codecs_.size() == 1) return codecs_[0]->decode(in, into);
  Step all;
  for (;;) {
    TRY_ASSIGN(const auto second, run_second(into));
    all.produced = second.produced;
    if (all.produced > 0) return all;
    if (second.consumed > 0 && begin_ < end_) continue;
    TRY_ASSIGN(const auto first, codecs_[0]->decode(in, between_));
    begin_ = 0;
    end_ = first.produced;
    all.consumed += first.consumed;
    in.remove_prefix(first.consumed);
    if (end_ == 0) return all;
  }
}

Result<Step> ContentDecoder::decode(std::string_view in, std::span<std::byte> into) {
  TRY_ASSIGN(const auto step, run(in, into));
  if (!in.empty() && step.consumed == 0 && step.produced == 0) return cut_or_broken();
  consumed_ += step.consumed;
  produced_ += step.produced;
  if (produced_ > kExpandsFreely && produced_ / kMaxExpansion > consumed_) {
    return fail(ErrorCode::upstream_unreachable,
                "decompression_limit",
                "the upstream's answer expands more than 1000 times");
  }
  return step;
}

Result<void> ContentDecoder::finish() const {
  if (consumed_ == 0) return {};  // An empty body, which servers label all the same.
  for (const auto& codec : codecs_) {
    if (!codec->may_end() || begin_ < end_) return cut_or_broken();
  }
  return {};
}

}  // namespace aivault::upstream
