#include "upstream/content_codec.h"

#include <brotli/decode.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY  // For an allocator of our own.
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>

#include "base/wipe.h"

namespace aivault::upstream {
namespace {

constexpr int kMaxZstdWindowLog = 23;  // 8 MiB, the most that RFC 9659 lets a server use.
constexpr int kAnyWindow = 15;         // Of deflate: the largest there is.
constexpr int kGzipFormat = 16;
constexpr std::size_t kHeader = alignof(std::max_align_t);  // Of an allocation: its size.

void* allocate(void*, std::size_t size) {
  if (size > std::numeric_limits<std::size_t>::max() - kHeader) return nullptr;
  auto* base = static_cast<std::byte*>(std::malloc(kHeader + size));
  if (base == nullptr) return nullptr;
  new (base) std::size_t(size);
  return base + kHeader;
}

void release(void*, void* memory) {
  if (memory == nullptr) return;
  auto* base = static_cast<std::byte*>(memory) - kHeader;
  const auto size = *reinterpret_cast<const std::size_t*>(base);
  wipe(memory, size);
  std::free(base);
}

void* allocate_items(void* nothing, unsigned count, unsigned size) {
  return allocate(nothing, std::size_t{count} * size);
}

auto broken(std::string_view coding) {
  return fail(ErrorCode::upstream_unreachable,
              "protocol",
              "the upstream's answer is not valid " + std::string(coding));
}

unsigned at_most_32_bits(std::size_t size) {
  return static_cast<unsigned>(std::min<std::size_t>(size, std::numeric_limits<unsigned>::max()));
}

class Inflate final : public ContentCodec {
 public:
  enum class Format : std::uint8_t { gzip, deflate };
  explicit Inflate(Format format) : format_(format) {
    stream_.zalloc = allocate_items;
    stream_.zfree = release;
  }
  ~Inflate() override {
    if (ready_) inflateEnd(&stream_);
  }

  Result<Step> decode(std::string_view in, std::span<std::byte> into) override {
    if (ended_ && in.empty()) return Step{};
    // Another member of a gzip file may follow; nothing may follow deflate.
    if (ended_ && (format_ != Format::gzip || inflateReset(&stream_) != Z_OK)) return refuse();
    if (!ready_ && in.empty()) return Step{};
    if (!ready_ && !begin(static_cast<unsigned char>(in.front()))) return refuse();
    ended_ = false;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = at_most_32_bits(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = at_most_32_bits(into.size());
    const auto given_in = stream_.avail_in;
    const auto given_out = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    ended_ = result == Z_STREAM_END;
    if (!ended_ && result != Z_OK && result != Z_BUF_ERROR) return refuse();
    return Step{given_in - stream_.avail_in, given_out - stream_.avail_out};
  }
  bool may_end() const override { return ended_; }

 private:
  tl::unexpected<Error> refuse() const {
    return broken(format_ == Format::gzip ? "gzip" : "deflate");
  }

  bool begin(unsigned char first) {
    // Servers disagree on whether "deflate" has the header of zlib, whose first byte says method 8.
    const bool has_header = (first & 0x0FU) == Z_DEFLATED;
    const int raw_or_zlib = has_header ? kAnyWindow : -kAnyWindow;
    const int window = format_ == Format::gzip ? kAnyWindow + kGzipFormat : raw_or_zlib;
    ready_ = inflateInit2(&stream_, window) == Z_OK;
    return ready_;
  }

  Format format_;
  z_stream stream_{};
  bool ready_ = false;
  bool ended_ = false;
};

class Brotli final : public ContentCodec {
 public:
  Brotli() : state_(BrotliDecoderCreateInstance(allocate, release, nullptr)) {
    if (state_ == nullptr) throw std::bad_alloc();
  }
  ~Brotli() override { BrotliDecoderDestroyInstance(state_); }

  Result<Step> decode(std::string_view in, std::span<std::byte> into) override {
    if (may_end() && !in.empty()) return broken("br");
    std::size_t left_in = in.size();
    std::size_t left_out = into.size();
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    auto* next_out = reinterpret_cast<std::uint8_t*>(into.data());
    const auto result =
        BrotliDecoderDecompressStream(state_, &left_in, &next_in, &left_out, &next_out, nullptr);
    if (result == BROTLI_DECODER_RESULT_ERROR) return broken("br");
    return Step{in.size() - left_in, into.size() - left_out};
  }
  bool may_end() const override { return BrotliDecoderIsFinished(state_) != 0; }

 private:
  BrotliDecoderState* state_;
};

class Zstd final : public ContentCodec {
 public:
  Zstd() : context_(ZSTD_createDCtx_advanced(ZSTD_customMem{allocate, release, nullptr})) {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  }
  ~Zstd() override { ZSTD_freeDCtx(context_); }

  Result<Step> decode(std::string_view in, std::span<std::byte> into) override {
    if (in.empty() && ended_) return Step{};
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{into.data(), into.size(), 0};
    const auto left = ZSTD_decompressStream(context_, &output, &input);
    if (ZSTD_isError(left) != 0) return broken("zstd");
    ended_ = left == 0;
    return Step{input.pos, output.pos};
  }
  bool may_end() const override { return ended_; }

 private:
  ZSTD_DCtx* context_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ContentCodec> make_codec(std::string_view name) {
  if (name == "gzip" || name == "x-gzip") return std::make_unique<Inflate>(Inflate::Format::gzip);
  if (name == "deflate") return std::make_unique<Inflate>(Inflate::Format::deflate);
  if (name == "br") return std::make_unique<Brotli>();
  if (name == "zstd") return std::make_unique<Zstd>();
  return nullptr;
}

}  // namespace aivault::upstream
