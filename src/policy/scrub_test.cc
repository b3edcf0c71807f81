#include "policy/scrub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/text.h"

namespace aivault::policy {
namespace {

using Forms = std::shared_ptr<const ScrubForms>;

Forms forms_of(std::initializer_list<std::string_view> values) {
  std::vector<Secret> secrets;
  for (const auto value : values) secrets.push_back(Secret::copy_of(value));
  return ScrubForms::of(secrets);
}

std::string in_pieces(const Forms& forms,
                      std::string_view text,
                      const std::vector<std::size_t>& cuts) {
  Scrubber scrubber(forms);
  std::string out;
  std::size_t begin = 0;
  for (const auto cut : cuts) {
    scrubber.feed(text.substr(begin, cut - begin), out);
    begin = cut;
  }
  scrubber.feed(text.substr(begin), out);
  scrubber.finish(out);
  return out;
}

Forms forms_with(Forms known, std::string_view more) {
  const auto secret = Secret::copy_of(more);
  return ScrubForms::with(std::move(known), {&secret, 1});
}

std::string url_alphabet(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}
std::string without_padding(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  return text;
}
std::string base64_of(std::string_view text) { return base64(bytes_of(text)); }

// Writes every byte as `prefix` + two hex digits + `suffix`.
std::string each_byte(std::string_view text,
                      std::string_view prefix,
                      std::string_view suffix,
                      bool upper = false) {
  std::string out;
  for (const char c : text) {
    const auto digits = hex(bytes_of(std::string_view(&c, 1)));
    out.append(prefix).append(upper ? to_upper(digits) : digits).append(suffix);
  }
  return out;
}

std::string each_byte_decimal(std::string_view text, std::size_t width = 0) {
  std::string out;
  for (const char c : text) {
    auto digits = std::to_string(static_cast<unsigned char>(c));
    while (digits.size() < width) digits.insert(0, "0");
    out += "&#" + digits + ";";
  }
  return out;
}

std::string replace_all(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// Case 194.
TEST(Scrub, FindsEveryEncodingOfAString) {
  const std::string secret = "sk/te+st<0001>&\"x'=~ y?";
  const auto forms = forms_of({secret});
  const std::string xml = replace_all(
      replace_all(replace_all(replace_all(secret, "&", "&amp;"), "<", "&lt;"), ">", "&gt;"),
      "\"",
      "&quot;");
  const std::string json = replace_all(secret, "\"", "\\\"");
  const std::vector<std::pair<std::string_view, std::string>> rows = {
      {"raw", secret},
      {"base64", base64_of(secret)},
      {"base64 without padding", without_padding(base64_of(secret))},
      {"base64url", url_alphabet(base64_of(secret))},
      {"base64url without padding", without_padding(url_alphabet(base64_of(secret)))},
      {"base64 in JSON", replace_all(base64_of(secret), "/", "\\/")},
      {"base64 percent-encoded", percent_encode(base64_of(secret))},
      {"hex", hex(bytes_of(secret))},
      {"hex, upper case", to_upper(hex(bytes_of(secret)))},
      {"RFC 3986", percent_encode(secret)},
      {"RFC 3986, lower case", to_lower(percent_encode(secret))},
      {"form", replace_all(percent_encode(secret), "%20", "+")},
      {"encodeURI",
       replace_all(replace_all(replace_all(secret, "<", "%3C"), "\"", "%22"), " ", "%20")},
      {"all percent", each_byte(secret, "%", "")},
      {"all percent, upper case", each_byte(secret, "%", "", true)},
      {"percent-encoded twice", percent_encode(percent_encode(secret))},
      {"all percent, twice", each_byte(secret, "%25", "")},
      {"JSON", json},
      {"JSON with \\/", replace_all(json, "/", "\\/")},
      {"JSON, <>& as \\u", replace_all(replace_all(json, "<", "\\u003c"), "&", "\\u0026")},
      {"all \\u", each_byte(secret, "\\u00", "")},
      {"all \\u, upper case", each_byte(secret, "\\u00", "", true)},
      {"XML", xml},
      {"XML with &apos;", replace_all(xml, "'", "&apos;")},
      {"HTML of Python", replace_all(xml, "'", "&#x27;")},
      {"HTML of PHP", replace_all(xml, "'", "&#039;")},
      {"HTML of Go", replace_all(replace_all(xml, "&quot;", "&#34;"), "'", "&#39;")},
      {"numeric &", replace_all(secret, "&", "&#38;")},
      {"hex entity &", replace_all(secret, "&", "&#x26;")},
      {"all decimal entities", each_byte_decimal(secret)},
      {"all decimal entities, three digits", each_byte_decimal(secret, 3)},
      {"all decimal entities, five digits", each_byte_decimal(secret, 5)},
      {"all hex entities", each_byte(secret, "&#x", ";")},
      {"all hex entities, four digits", each_byte(secret, "&#x00", ";")},
      {"all hex entities, upper case", each_byte(secret, "&#X", ";", true)},
  };
  for (const auto& [name, text] : rows) {
    EXPECT_EQ(scrub_text(forms, text), "[REDACTED]") << name << ": " << text;
    EXPECT_EQ(scrub_text(forms, "a" + text + "~"), "a[REDACTED]~") << name << ": " << text;
  }
}

TEST(Scrub, FindsCharactersBeyondAsciiInTheirEscapes) {
  const std::string secret = "pä\tss€w😀rd";
  const auto forms = forms_of({secret});
  for (const std::string_view text : {
           "pä\tss€w😀rd",
           R"(p\u00e4\tss\u20acw\ud83d\ude00rd)",
           R"(p\u00E4\u0009ss\u20ACw\uD83D\uDE00rd)",
           "p%C3%A4%09ss%e2%82%acw%F0%9F%98%80rd",
           "p&#228;&#9;ss&#8364;w&#128512;rd",
           "p&#xe4;&#x9;ss&#x20AC;w&#x1F600;rd",
       }) {
    EXPECT_EQ(scrub_text(forms, text), "[REDACTED]") << text;
  }
  const std::string bytes = "\xFF\xC3\x28\x80\xFEz\xE2\x82";
  EXPECT_EQ(scrub_text(forms_of({bytes}), "<" + bytes + ">"), "<[REDACTED]>");
  EXPECT_EQ(scrub_text(forms_of({bytes}), each_byte(bytes, "%", "")), "[REDACTED]");
}

TEST(Scrub, FindsStringsThatLookLikeEscapesThemselves) {
  for (const std::string secret :
       {"a%25b%2525c", "a\\\\b\\u005cc", "a&amp;b&#38;c+d e", "%%%%%%25", "\\\\\\\\\\\\\\"}) {
    const auto forms = forms_of({secret});
    EXPECT_EQ(scrub_text(forms, secret), "[REDACTED]") << secret;
    EXPECT_EQ(scrub_text(forms, percent_encode(secret)), "[REDACTED]") << secret;
    EXPECT_EQ(scrub_text(forms, replace_all(secret, "\\", "\\\\")), "[REDACTED]") << secret;
    EXPECT_EQ(scrub_text(forms, replace_all(secret, "&", "&amp;")), "[REDACTED]") << secret;
    EXPECT_EQ(scrub_text(forms, replace_all(secret, "\\", "\\u005C")), "[REDACTED]") << secret;
  }
}

// Case 194.
TEST(Scrub, FindsBase64AtEveryAlignment) {
  for (const std::string secret : {"sk-test-0001",
                                   "sk-test-00012",
                                   "sk-test-000123",
                                   "\xFB\xEF\xBE\xFF\xFF\xFF\xFB\xEF\xBE?>~"}) {
    const auto forms = forms_of({secret});
    for (std::size_t before = 0; before < 6; ++before) {
      for (std::size_t after = 0; after < 6; ++after) {
        const auto whole = base64_of(std::string(before, 'x') + secret + std::string(after, '~'));
        const std::size_t first = (before * 8 + 5) / 6;
        const std::size_t last = after == 0 ? whole.size() : (before + secret.size()) * 8 / 6;
        for (const auto& text : {whole, url_alphabet(whole)}) {
          const auto expected = text.substr(0, first) + "[REDACTED]" + text.substr(last);
          EXPECT_EQ(scrub_text(forms, text), expected) << before << ' ' << after;
        }
      }
    }
  }
  EXPECT_EQ(scrub_text(forms_of({"u:p-word"}), "Basic " + base64_of("u:p-word")),
            "Basic [REDACTED]");
}

TEST(Scrub, LeavesWhatIsNotTheSecret) {
  const auto forms = forms_of({"sk-test-0001"});
  for (const std::string_view text : {"",
                                      "sk-test-000",
                                      "k-test-0001",
                                      "SK-TEST-0001",
                                      "sk-test_0001",
                                      "sk-test-%30%30%30%32",
                                      "sk-test\n-0001",
                                      "%73%6b%2dtest%2",
                                      "\\u0073k-test-00\\u003",
                                      "&#115;k-test-000&#49"}) {
    EXPECT_EQ(scrub_text(forms, text), text);
  }
}

TEST(Scrub, TakesTheLeftmostAndThenTheLongest) {
  const auto forms = forms_of({"abcdef", "abcdefghij", "efghijklmn"});
  EXPECT_EQ(scrub_text(forms, "abcdefghijklmn"), "[REDACTED]klmn");
  EXPECT_EQ(scrub_text(forms, "abcdefghi"), "[REDACTED]ghi");
  EXPECT_EQ(scrub_text(forms, "xefghijklmn"), "x[REDACTED]");
  EXPECT_EQ(scrub_text(forms, "abcdefabcdefghij"), "[REDACTED][REDACTED]");
  EXPECT_EQ(scrub_text(forms_of({"aaaaaa"}), std::string(20, 'a')),
            "[REDACTED][REDACTED][REDACTED]aa");
}

// Case 199.
TEST(Scrub, LeavesShortStringsAndCountsFinds) {
  EXPECT_TRUE(forms_of({"12345", "", "\r\n"})->empty());
  EXPECT_EQ(scrub_text(forms_of({"12345"}), "12345"), "12345");
  const auto forms = forms_of({"123456", "12345"});
  EXPECT_FALSE(forms->empty());
  Scrubber scrubber(forms);
  std::string out;
  scrubber.feed("12345 123456 123", out);
  scrubber.feed("456", out);
  scrubber.finish(out);
  EXPECT_EQ(out, "12345 [REDACTED] [REDACTED]");
  EXPECT_EQ(scrubber.hits(), 2U);
}

TEST(Scrub, TreatsEachLongLineAsAStringOfItsOwn) {
  const auto forms =
      forms_of({"-----BEGIN KEY-----\nMIIabcdefghijklm0001\r\nshort-line\nMIIabcdefghijklm0002\n"});
  EXPECT_EQ(scrub_text(forms, "x MIIabcdefghijklm0001\nshort-line\nMIIabcdefghijklm0002"),
            "x [REDACTED]\nshort-line\n[REDACTED]");
  EXPECT_EQ(scrub_text(forms, R"("-----BEGIN KEY-----\nMIIabcdefghijklm0001\r\nshort")"),
            R"("[REDACTED]\n[REDACTED]\r\nshort")");
  EXPECT_EQ(scrub_text(forms_of({"\nsk-test-0001\n"}), "sk-test-0001"), "[REDACTED]");
}

TEST(Scrub, FindsWhatHttpLeavesOfAValueWithBlanksAroundIt) {
  for (const std::string value :
       {"sk-test-0001 ", "sk-test-0001\t", " sk-test-0001", "\t \v\fsk-test-0001 \t\r\n "}) {
    const auto forms = forms_of({value});
    EXPECT_EQ(scrub_text(forms, "<sk-test-0001>"), "<[REDACTED]>") << value;
    EXPECT_EQ(scrub_text(forms, "<" + hex(bytes_of("sk-test-0001")) + ">"), "<[REDACTED]>");
    EXPECT_EQ(scrub_text(forms, "< sk-test-0001 >"), "< [REDACTED] >") << value;
  }
  EXPECT_EQ(scrub_text(forms_of({"-- BEGIN --\n  MIIabcdefghijklm01 \n"}), "MIIabcdefghijklm01"),
            "[REDACTED]");
  EXPECT_TRUE(forms_of({"  12345 ", " \t "})->empty());
}

TEST(Scrub, CoversLongStringsPieceByPiece) {
  std::string secret;
  for (int i = 0; secret.size() < 8000; ++i) secret += "é" + std::to_string(i * 7919);
  const auto forms = forms_of({secret});
  for (const auto& text : {secret, hex(bytes_of(secret)), percent_encode(secret)}) {
    const auto out = scrub_text(forms, "<" + text + ">");
    EXPECT_EQ(replace_all(out, "[REDACTED]", ""), "<>");
  }
  const auto left = replace_all(scrub_text(forms, base64_of(secret)), "[REDACTED]", "");
  EXPECT_LE(left.size(), 16U);  // At most two characters between neighbouring pieces.
}

// Case 195.
TEST(Scrub, OutputIsThatOfTheWholeForEveryPairOfCuts) {
  const auto forms = forms_of({"sk-test-0001"});
  const std::string filler(262, '.');
  const std::string text = "sk-test-000" + base64_of("x:sk-test-0001") + "sk%2Dtest-000\\u0031\n" +
                           filler + "sk-test-0001sk-te";
  const auto whole = scrub_text(forms, text);
  EXPECT_EQ(whole, "sk-test-000eDp[REDACTED][REDACTED]\n" + filler + "[REDACTED]sk-te");
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      ASSERT_EQ(in_pieces(forms, text, {first, second}), whole) << first << ' ' << second;
    }
  }
}

TEST(Scrub, OutputIsThatOfTheWholeForRandomBodiesAndCuts) {
  std::mt19937 random(20260726);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 400; ++round) {
    // A small alphabet makes near misses and overlaps frequent.
    const std::string_view alphabet = round % 2 == 0 ? "ab/\\%&2" : "sk-01\xC3\xA9";
    std::string secret;
    const std::size_t size = 6 + below(round % 5 == 0 ? 60 : 8);
    while (secret.size() < size) secret += alphabet[below(alphabet.size())];
    const auto forms = forms_of({secret, secret.substr(1) + secret.substr(0, 3)});
    const std::vector<std::string> words = {secret,
                                            secret.substr(0, secret.size() - 1),
                                            base64_of("u:" + secret),
                                            hex(bytes_of(secret)),
                                            percent_encode(secret),
                                            each_byte(secret, "\\u00", ""),
                                            each_byte_decimal(secret).substr(0, 30),
                                            "\n",
                                            "\\",
                                            std::string(below(400), 'a')};
    std::string text;
    for (std::size_t i = 0; i < 12; ++i) text += words[below(words.size())];
    const auto whole = scrub_text(forms, text);
    ASSERT_EQ(whole.find(secret), std::string::npos);
    for (int cutting = 0; cutting < 8; ++cutting) {
      std::vector<std::size_t> cuts;
      for (std::size_t at = 0; (at += 1 + below(cutting < 4 ? 12 : 300)) < text.size();) {
        cuts.push_back(at);
      }
      ASSERT_EQ(in_pieces(forms, text, cuts), whole) << round;
    }
  }
}

// What has been released after each fed byte.
std::vector<std::size_t> releases(const Forms& forms, std::string_view text) {
  Scrubber scrubber(forms);
  std::string out;
  std::vector<std::size_t> sizes;
  for (const char c : text) {
    scrubber.feed(std::string_view(&c, 1), out);
    sizes.push_back(out.size());
  }
  return sizes;
}

TEST(Scrub, HoldsBackAFixedTailWhateverItIs) {
  struct Row {
    std::size_t secret, held;
  };
  for (const auto& row : std::array<Row, 6>{
           {{6, 256}, {32, 256}, {33, 1024}, {128, 1024}, {129, 8192}, {1024, 8192}}}) {
    const std::string secret(row.secret, 'k');
    const auto forms = forms_of({secret});
    const std::string clean(row.held + 50, 'x');
    const auto sizes = releases(forms, clean);
    EXPECT_EQ(sizes[row.held - 1], 0U) << row.secret;
    EXPECT_EQ(sizes[row.held], 1U) << row.secret;
    EXPECT_EQ(sizes.back(), 50U) << row.secret;
  }
}

TEST(Scrub, ReleaseDoesNotDependOnPartialMatches) {
  const std::string secret = "sk-test-0001";
  const auto forms = forms_of({secret});
  const std::string clean(700, 'x');
  const auto expected = releases(forms, clean);
  for (std::size_t part = 1; part < secret.size(); ++part) {
    std::string text;
    while (text.size() < clean.size()) text += secret.substr(0, part) + "x";
    text.resize(clean.size());
    EXPECT_EQ(releases(forms, text), expected) << part;
  }
}

// Case 196.
TEST(Scrub, ReleasesFinishedLinesAtOnce) {
  const auto forms = forms_of({"sk-test-0001"});
  Scrubber scrubber(forms);
  std::string out;
  scrubber.feed("data: sk-test-00\n\n", out);
  EXPECT_EQ(out, "data: sk-test-00\n\n");
  scrubber.feed("data: 01", out);
  EXPECT_EQ(out, "data: sk-test-00\n\n");
  scrubber.feed(" sk-test-0001\nabc", out);
  EXPECT_EQ(out, "data: sk-test-00\n\ndata: 01 [REDACTED]\n");
  scrubber.finish(out);
  EXPECT_EQ(out, "data: sk-test-00\n\ndata: 01 [REDACTED]\nabc");
}

TEST(Scrub, PassesEverythingAtOnceWhenThereIsNothingToFind) {
  Scrubber scrubber(forms_of({}));
  std::string out;
  scrubber.feed("abc", out);
  EXPECT_EQ(out, "abc");
}

TEST(Scrub, StaysFastOnHostileRepetition) {
  // A secret of one repeated escape character against bodies made to backtrack.
  const auto forms = forms_of({std::string(20, '\\') + "x"});
  const std::string text(500, '\\');
  EXPECT_EQ(scrub_text(forms, text), text);
}

TEST(Scrub, FindsWhatWasMadeForOneCallBesideWhatIsKnown) {
  const auto known = forms_of({"api-key-00001", "overlap-of"});
  const auto more = forms_with(known, "signature-77");
  EXPECT_EQ(scrub_text(more, "api-key-00001 signature-77 " + base64_of("signature-77")),
            "[REDACTED] [REDACTED] [REDACTED]");
  EXPECT_EQ(scrub_text(known, "signature-77"), "signature-77");
  EXPECT_EQ(scrub_text(forms_with(more, "overlap-of-both"), "overlap-of-both api-key-00001"),
            "[REDACTED] [REDACTED]");
  EXPECT_EQ(scrub_text(forms_with(forms_of({}), "signature-77"), "signature-77"), "[REDACTED]");
  EXPECT_EQ(forms_with(known, "short"), known);
  EXPECT_TRUE(holds_in_any_case(*more, "x-API-key-00001"));
  EXPECT_TRUE(holds_in_any_case(*more, "x-SIGNATURE-77"));
}

TEST(Scrub, HoldsBackForTheLongestOfAllForms) {
  const auto held = [](const Forms& forms) {
    Scrubber scrubber(forms);
    std::string out;
    scrubber.feed(std::string(20'000, 'x'), out);
    return 20'000 - out.size();
  };
  const auto brief = forms_of({"api-key-00001"});
  const std::string long_one(900, 'z');
  EXPECT_LT(held(brief), held(forms_with(brief, long_one)));
  EXPECT_EQ(held(forms_with(forms_of({long_one}), "api-key-00001")), held(forms_of({long_one})));
}

TEST(Scrub, FindsASecretInANameWhateverBecameOfItsLetters) {
  constexpr std::string_view kSecret = "sk-Live_01234Ab";
  const auto forms = forms_of({kSecret});
  const auto encoded = without_padding(url_alphabet(base64_of(kSecret)));
  for (const auto& text : {std::string(kSecret),
                           to_lower(kSecret),
                           "x-" + to_upper(kSecret) + "-y",
                           to_lower(encoded),
                           to_upper(each_byte(kSecret, "", "")),
                           each_byte(kSecret, "%", "")}) {
    EXPECT_TRUE(holds_in_any_case(*forms, text)) << text;
  }
  for (const auto* text : {"", "sk", "sk-live_01234a", "content-type", "sk-live-01234ab"}) {
    EXPECT_FALSE(holds_in_any_case(*forms, text)) << text;
  }
  EXPECT_FALSE(holds_in_any_case(*forms_of({}), kSecret));
}

}  // namespace
}  // namespace aivault::policy
