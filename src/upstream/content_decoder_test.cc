#include "upstream/content_decoder.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/encoding.h"

namespace aivault::upstream {
namespace {

constexpr std::string_view kText = "hello hello hello hello";
// What the brotli program makes of kText.
constexpr std::string_view kBrotli = "1b1600f88d946ede445586966c206f214f1ce038";

enum Window : int { kGzip = 31, kZlib = 15, kRaw = -15 };

std::string deflated(std::string_view text, Window window) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<unsigned>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<unsigned>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string brotli() { return from_hex(kBrotli).value_or(""); }

struct Decoded {
  std::string reason = "ok";
  std::string text;
  std::size_t size = 0;
};

// `piece`: how much comes at a time; `room`: how much is taken at a time.
Decoded decoded(std::string_view codings,
                std::string_view in,
                std::size_t piece,
                std::size_t room) {
  Decoded result;
  auto decoder = ContentDecoder::of({{"content-encoding", std::string(codings)}});
  if (!decoder) return {decoder.error().reason, "", 0};
  std::vector<std::byte> into(room);
  std::string_view held;
  for (;;) {
    auto step = (*decoder)->decode(held, into);
    if (!step) return {step.error().reason, result.text, result.size};
    held.remove_prefix(step->consumed);
    result.size += step->produced;
    if (result.size < (1U << 20U)) result.text += text_of(std::span(into).first(step->produced));
    if (step->produced > 0 || !held.empty()) continue;
    if (in.empty()) break;
    held = in.substr(0, piece);
    in.remove_prefix(held.size());
  }
  if (auto whole = (*decoder)->finish(); !whole) result.reason = whole.error().reason;
  return result;
}

TEST(ContentDecoder, UndoesEveryCodingHoweverItIsCut) {
  struct Row {
    std::string codings, coded;
  };
  const std::vector<Row> rows = {
      {"gzip", deflated(kText, kGzip)},
      {"X-GZIP", deflated(kText, kGzip)},
      {"deflate", deflated(kText, kZlib)},
      {"deflate", deflated(kText, kRaw)},
      {"br", brotli()},
      {"zstd", zstd(kText)},
      {"identity, gzip, br", ""},
      {"deflate, gzip", deflated(deflated(kText, kZlib), kGzip)},
      {"br, zstd", zstd(brotli())},
  };
  for (const auto& row : rows) {
    for (const std::size_t piece : {1U, 3U, 1000U}) {
      for (const std::size_t room : {1U, 4096U}) {
        const auto got = decoded(row.codings, row.coded, piece, room);
        EXPECT_EQ(got.reason, "ok") << row.codings;
        EXPECT_EQ(got.text, row.coded.empty() ? "" : kText) << row.codings;
      }
    }
  }
}

TEST(ContentDecoder, JoinsTheMembersOfAGzipFileAndTheFramesOfZstd) {
  const auto member = deflated(kText, kGzip);
  const auto twice = std::string(kText) + std::string(kText);
  EXPECT_EQ(decoded("gzip", member + member, 7, 100).text, twice);
  EXPECT_EQ(decoded("zstd", zstd(kText) + zstd(kText), 7, 100).text, twice);
}

TEST(ContentDecoder, TakesATruncatedOrBrokenStreamForAnError) {
  struct Row {
    std::string coding, coded;
  };
  for (const auto& [coding, coded] : std::vector<Row>{{"gzip", deflated(kText, kGzip)},
                                                      {"deflate", deflated(kText, kZlib)},
                                                      {"br", brotli()},
                                                      {"zstd", zstd(kText)},
                                                      {"br, zstd", zstd(brotli())}}) {
    for (std::size_t size = 1; size < coded.size(); ++size) {
      EXPECT_EQ(decoded(coding, coded.substr(0, size), 5, 100).reason, "protocol")
          << coding << size;
    }
    EXPECT_EQ(decoded(coding, coded + "more", 1000, 100).reason, "protocol") << coding;
    EXPECT_EQ(decoded(coding, "\xFFno such thing", 1000, 100).reason, "protocol") << coding;
  }
}

// Case 200.
TEST(ContentDecoder, RefusesUnknownAndManyCodings) {
  for (const auto* codings : {"x-foo", "gzip, x-foo", "gzip, gzip, gzip", "compress", "gzip;q=1"}) {
    EXPECT_EQ(decoded(codings, "x", 10, 10).reason, "encoding_unsupported") << codings;
  }
  const auto none = ContentDecoder::of({{"content-encoding", "identity, "}, {"x", "gzip"}});
  ASSERT_TRUE(none);
  EXPECT_EQ(*none, nullptr);
}

// Case 200.
TEST(ContentDecoder, StopsABombAfterTheFirstMebibyte) {
  const std::string zeros(std::size_t{64} << 20U, '\0');
  const auto bomb = deflated(zeros, kGzip);
  for (const auto& [coding, coded] : {std::pair<std::string, std::string>{"gzip", bomb},
                                      {"zstd", zstd(zeros)},
                                      {"gzip, gzip", deflated(bomb, kGzip)}}) {
    const auto got = decoded(coding, coded, 16384, 16384);
    EXPECT_EQ(got.reason, "decompression_limit") << coding;
    EXPECT_LT(got.size, std::size_t{20} << 20U) << coding;
  }
  // A mebibyte may come from nothing.
  EXPECT_EQ(decoded("zstd", zstd(zeros.substr(0, 1U << 20U)), 16384, 16384).reason, "ok");
}

}  // namespace
}  // namespace aivault::upstream
