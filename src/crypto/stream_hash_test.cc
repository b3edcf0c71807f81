#include "crypto/stream_hash.h"

#include <gtest/gtest.h>

#include "crypto/sha256.h"

namespace aivault::crypto {
namespace {

TEST(StreamHash, IsThatOfTheWholeHoweverItIsCut) {
  const std::string text(100'000, 'x');
  StreamHash hash;
  StreamSha256 sha;
  for (std::size_t at = 0, step = 1; at < text.size(); at += step++) {
    hash.add(std::string_view(text).substr(at, step));
    sha.add(std::string_view(text).substr(at, step));
  }
  EXPECT_EQ(crypto::hash({text}), hash.finish());
  EXPECT_EQ(sha256_hex(text), sha.finish_hex());
}

}  // namespace
}  // namespace aivault::crypto
