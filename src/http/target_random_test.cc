#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "base/text.h"
#include "http/target.h"

// Random paths, judged a second time by an automaton that shares no code with the parser.

namespace aivault::http {
namespace {

constexpr int kPaths = 60'000;

bool has_dot_segment(std::string_view path) {
  enum class In { nothing, one_dot, two_dots, blanks_behind_dots, parameters, text };
  In in = In::text;  // Segments begin behind a slash.
  bool dots = false;
  for (const char c : path) {
    switch (c) {
      case '/':
        if (dots) return true;
        in = In::nothing;
        break;
      case '.':
        if (in == In::nothing) {
          in = In::one_dot;
        } else if (in == In::one_dot) {
          in = In::two_dots;
        } else if (in != In::parameters) {
          in = In::text;
        }
        break;
      case ' ':
        if (in == In::one_dot || in == In::two_dots) {
          in = In::blanks_behind_dots;
        } else if (in == In::nothing) {
          in = In::text;
        }
        break;
      case ';':
        if (in == In::text || in == In::nothing) {
          dots = false;
        }
        in = In::parameters;
        break;
      default:
        if (in != In::parameters) in = In::text;
    }
    if (in != In::parameters) dots = in != In::nothing && in != In::text;
  }
  return dots;
}

std::string decoded_once(const std::string& text) {
  static const std::string kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto value_at = [&](std::size_t at) {
      return at < text.size() ? kHex.find(to_lower(text.substr(at, 1))) : std::string::npos;
    };
    const auto high = value_at(i + 1);
    const auto low = value_at(i + 2);
    if (text[i] == '%' && high != std::string::npos && low != std::string::npos) {
      out += static_cast<char>(high << 4U | low);
      i += 3;
    } else {
      out += text[i++];
    }
  }
  return out;
}

bool is_dangerous(const std::string& path) {
  if (to_lower(path).find("%2e") != std::string::npos) return true;
  std::string form = path;
  for (int decodings = 0;; ++decodings) {
    if (has_dot_segment(form) || form.find('\\') != std::string::npos) return true;
    const auto next = decoded_once(form);
    if (decodings == 4) return next != form;
    form = next;
  }
}

std::string random_path(std::mt19937& random) {
  static constexpr std::array<std::string_view, 24> kPieces = {
      "/",   "/",   ".",     "..",  "%2e",   "%2E",   "%252e", "%25",
      "%2f", "%2F", "%252F", "%5c", "%255C", ";",     "%3b",   "%253B",
      "%20", "a",   "v1",    "%61", "%2561", "%41%2", "2e",    "%25252525"};
  std::string path = "/";
  for (auto left = random() % 12; left > 0; --left) path += kPieces[random() % kPieces.size()];
  return path;
}

TEST(RandomTarget, AcceptedPathsHoldNoDotSegmentAfterFourDecodings) {
  std::mt19937 random(20'240'817);
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < kPaths; ++i) {
    const auto path = random_path(random);
    const auto target = parse_target(path);
    if (target) {
      ASSERT_EQ(target->wire(), path);
      ASSERT_FALSE(is_dangerous(path)) << path;
      ++accepted;
    } else if (target.error().reason == "path_traversal") {
      ASSERT_TRUE(is_dangerous(path)) << path;
      ++refused;
    }
  }
  EXPECT_GT(accepted, kPaths / 20);
  EXPECT_GT(refused, kPaths / 20);
}

TEST(RandomTarget, WireFormIsAFixpoint) {
  std::mt19937 random(7);
  for (int i = 0; i < kPaths; ++i) {
    std::string raw = "/";
    for (auto left = random() % 20; left > 0; --left)
      raw += static_cast<char>(random() % 100 == 0 ? random() : random() % 0x80);
    const auto target = parse_target(raw);
    if (!target) continue;
    const auto wire = target->wire();
    for (const char c : wire) ASSERT_TRUE(c > ' ' && c < 0x7F) << wire;
    const auto again = parse_target(wire);
    ASSERT_TRUE(again) << wire;
    ASSERT_EQ(again->wire(), wire);
  }
}

}  // namespace
}  // namespace aivault::http
