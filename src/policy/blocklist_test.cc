#include "policy/blocklist.h"

#include <gtest/gtest.h>

#include <random>

namespace aivault::policy {
namespace {

using Entries = std::vector<std::string>;

std::string filtered(const Entries& entries,
                     std::string_view type,
                     const std::vector<std::string_view>& pieces) {
  Blocklist list(std::make_shared<const BlocklistRules>(entries), type);
  std::string out;
  for (const auto piece : pieces) list.feed(piece, out);
  list.finish(out);
  return out;
}

// Whole, byte by byte, and cut once at every place: always the same.
void expect(const Entries& entries,
            std::string_view type,
            std::string_view body,
            std::string_view wanted) {
  EXPECT_EQ(filtered(entries, type, {body}), wanted);
  std::vector<std::string_view> bytes;
  for (std::size_t at = 0; at < body.size(); ++at) bytes.push_back(body.substr(at, 1));
  EXPECT_EQ(filtered(entries, type, bytes), wanted) << "byte by byte";
  for (std::size_t at = 0; at <= body.size(); ++at) {
    EXPECT_EQ(filtered(entries, type, {body.substr(0, at), body.substr(at)}), wanted) << at;
  }
}

struct Row {
  Entries entries;
  std::string_view type, body, wanted;
};

// Cases 188, 189 and 190.
TEST(Blocklist, ReplacesWhatIsListedHoweverTheBodyIsCut) {
  const std::vector<Row> rows = {
      {{"secret-token", "  ", ""}, "text/plain", "a secret-token b", "a [REDACTED] b"},
      {{"secret-token"}, "", "\xFF secret-token \xFE", "\xFF [REDACTED] \xFE"},
      {{"secret-token"}, "text/plain", "Secret-Token secret-toke", "Secret-Token secret-toke"},
      {{"ab", "abcd", "cde"}, "text/plain", "abcde abc", "[REDACTED]e [REDACTED]c"},
      {{"literal:a/\"b\nc"},
       "text/plain",
       R"(x a\/\"b\nc y a/\"b\nc)",
       "x [REDACTED] y [REDACTED]"},
      {{"literal:\xC3\xA9"},
       "application/json",
       R"(["\u00e9\u00E9)"
       "\xC3\xA9\"]",
       R"(["[REDACTED][REDACTED][REDACTED]"])"},
      {{"field:access_token"},
       "application/json",
       R"({"a":{"access_token":{"x":1}},"access_token_type":"t"})",
       R"({"a":{"access_token":"[REDACTED]"},"access_token_type":"t"})"},
      {{"ssn"},
       "application/json",
       R"({"ssn":1,"note":"ssn 5"})",
       R"({"ssn":"[REDACTED]","note":"[REDACTED] 5"})"},
      {{"ssn"},
       "text/plain",
       R"( {"\u0073sn" : [1,{"}":"]\""}] , "b" : -1.5e3})",
       R"( {"\u0073sn" : "[REDACTED]" , "b" : -1.5e3})"},
      {{"field:k"},
       "application/problem+json; charset=utf-8",
       R"([{"k":true},{"k":"a\\"},{"k":"\""}])",
       R"([{"k":"[REDACTED]"},{"k":"[REDACTED]"},{"k":"[REDACTED]"}])"},
      {{"field:k"}, "text/plain", R"(k "k":1)", R"(k "k":1)"},
      {{"literal:k"}, "application/json", R"({"k":1})", R"({"[REDACTED]":1})"},
      {{"field:k", "x"},
       "application/json",
       R"({"k":1,}x{"k":2})",
       R"({"k":"[REDACTED]",}[REDACTED]{"k":2})"},
      {{"field:k"},
       "application/x-ndjson",
       "{\"k\":1\n]\n{\"k\":2}\n",
       "{\"k\":\"[REDACTED]\"\n]\n{\"k\":\"[REDACTED]\"}\n"},
      {{"field:k"},
       "application/json",
       R"({"k":1}{"k":2})",
       R"({"k":"[REDACTED]"}{"k":"[REDACTED]"})"},
      {{"field:k"}, "application/json", R"({"k":"never ends)", R"({"k":"[REDACTED]")"},
      {{"field:k"}, "application/json", R"({"k)", R"({"k)"},
      {{"field:k"},
       "text/event-stream",
       "event: k\ndata: {\"k\":1}\n\ndata:{\"a\":\r\ndata: {\"k\":[1,\r\ndata: 2]}}\r\n\r\n: "
       "k\rdata: [DONE]\r\rdata: {\"k\":3}\n\n",
       "event: k\ndata: {\"k\":\"[REDACTED]\"}\n\ndata:{\"a\":\r\ndata: "
       "{\"k\":\"[REDACTED]\"\r\ndata:}}\r\n\r\n: k\rdata: [DONE]\r\rdata: "
       "{\"k\":\"[REDACTED]\"}\n\n"},
      {{"dat"}, "text/event-stream", "dat\ndata: x\n", "[REDACTED]\n[REDACTED]a: x\n"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.body);
    expect(row.entries, row.type, row.body, row.wanted);
  }
}

TEST(Blocklist, ReplacesWhatIsNestedTooDeep) {
  const std::string fits = std::string(512, '[') + std::string(512, ']');
  expect({"field:k"}, "application/json", fits, fits);
  const std::string deep = std::string(514, '[') + std::string(514, ']');
  EXPECT_EQ(filtered({"field:k"}, "application/json", {deep}),
            std::string(512, '[') + "\"[REDACTED]\"" + std::string(512, ']'));
}

TEST(Blocklist, ReleasesAnEventAtOnce) {
  Blocklist list(std::make_shared<const BlocklistRules>(Entries{"secret", "field:k"}),
                 "text/event-stream");
  std::string out;
  list.feed("data: {\"k\":1,\"b\":2}\n\n", out);
  EXPECT_EQ(out, "data: {\"k\":\"[REDACTED]\",\"b\":2}\n\n");
}

TEST(Blocklist, CountsHitsAndSaysWhereJsonWasNone) {
  Blocklist list(std::make_shared<const BlocklistRules>(Entries{"ssn"}), "application/json");
  std::string out;
  list.feed(R"({"ssn":1,"a":"ssn"} <html>)", out);
  list.finish(out);
  EXPECT_EQ(list.hits(), 2U);
  EXPECT_TRUE(list.has_errors());
}

TEST(Blocklist, DoesNotDependOnTheCutsOfRandomBodies) {
  std::mt19937 random(3);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same bodies every time
  constexpr std::string_view kBytes = "{}[]\",:\\k1 \nabu0";
  const Entries entries = {"k", "literal:ab", "literal:aba", "field:a\"b"};
  for (int round = 0; round < 3000; ++round) {
    std::string body = round % 2 == 0 ? "{" : "";
    for (auto left = random() % 40; left > 0; --left) body += kBytes[random() % kBytes.size()];
    const auto* type = round % 3 == 0   ? "application/json"
                       : round % 3 == 1 ? "application/jsonl"
                                        : "text/event-stream";
    const std::string_view view = body;
    const auto whole = filtered(entries, type, {view});
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < view.size();) {
      const auto size = 1 + random() % 4;
      pieces.push_back(view.substr(at, size));
      at += size;
    }
    ASSERT_EQ(filtered(entries, type, pieces), whole) << body;
  }
}

}  // namespace
}  // namespace aivault::policy
