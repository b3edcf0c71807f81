#include "cli/raw_output.h"

#include <gtest/gtest.h>

namespace aivault::cli {
namespace {

TEST(HeaderText, IsUtf8WhateverTheUpstreamSent) {
  EXPECT_EQ(text_of_header("plain"), "plain");
  EXPECT_EQ(text_of_header("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(text_of_header("caf\xE9"), "caf\xC3\xA9");
  EXPECT_EQ(text_of_header("\x80\xFF\xBF"), "\xC2\x80\xC3\xBF\xC2\xBF");
}

}  // namespace
}  // namespace aivault::cli
