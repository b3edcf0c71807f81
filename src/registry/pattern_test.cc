// Paths and queries against patterns: exactly for what is allowed, widely for what is not.
#include "registry/pattern.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace aivault::registry {
namespace {

struct Case {
  std::string_view pattern, path;
  bool expected;
};

TEST(MatchesExactly, FollowsTheGrammarByteForByte) {
  constexpr Case kCases[] = {
      // A pattern covers itself and what lies below at a segment boundary.
      {"/v1/foo", "/v1/foo", true},
      {"/v1/foo", "/v1/foo/", true},
      {"/v1/foo", "/v1/foo/bar", true},
      {"/v1/foo", "/v1/foo//bar", true},
      {"/v1/foo", "/v1/foobar", false},
      {"/v1/foo", "/v1/foo.json", false},
      {"/v1/foo", "/v1/foo;x=1", false},
      {"/v1/foo", "/v1/foo%2Fbar", false},
      {"/v1/foo", "/v1//foo", false},
      {"/v1/foo", "//v1/foo", false},
      {"/v1/foo", "/V1/Foo", false},
      {"/v1/foo", "/v1/%66oo", false},
      {"/v1/foo", "/v1", false},
      {"/v1/foo", "", false},
      // A final $ makes it exact; one trailing slash is ignored.
      {"/v1/foo$", "/v1/foo", true},
      {"/v1/foo$", "/v1/foo/", true},
      {"/v1/foo$", "/v1/foo//", false},
      {"/v1/foo$", "/v1/foo/bar", false},
      {"/", "/", true},
      {"/", "/any/thing", true},
      {"/$", "/", true},
      {"/$", "/x", false},
      // {name}: one segment, colons included, without separators in any decoding.
      {"/a/{id}/b", "/a/7/b", true},
      {"/a/{id}/b", "/a/7:8/b/c", true},
      {"/a/{id}/b", "/a//b", false},
      {"/a/{id}/b", "/a/7/8/b", false},
      {"/a/{id}/b", "/a/7%2F8/b", false},
      {"/a/{id}/b", "/a/7%252f8/b", false},
      {"/a/{id}/b", "/a/7%3fx/b", false},
      {"/a/{id}/b", "/a/7%2523x/b", false},
      {"/a/{id}/b", "/a/7%20x/b", true},
      {"/a/{id+}/b", "/a/7%2F8/b", true},
      {"/a/{id+}/b", "/a/7/8/b", false},
      // {name}.json and {name}:verb.
      {"/a/{id}.json$", "/a/7.json", true},
      {"/a/{id}.json$", "/a/.json", false},
      {"/a/{id}.json$", "/a/7.JSON", false},
      {"/a/{id}.json$", "/a/7.json.exe", false},
      {"/m/{model}:run$", "/m/x:run", true},
      {"/m/{model}:run$", "/m/x:y:run", true},
      {"/m/{model}:run$", "/m/x:runs", false},
      {"/m/{model}:run$", "/m/a%2Fb:run", false},
      // text*: any segment that begins so, the text itself included.
      {"/api/chat.*", "/api/chat.postMessage", true},
      {"/api/chat.*", "/api/chat.", true},
      {"/api/chat.*", "/api/chat.a/b", true},
      {"/api/chat.*", "/api/chats", false},
      {"/api/chat.*", "/api/Chat.a", false},
      {"/api/chat.*", "/api/chat.a%2Fb", false},
      {"/a/*", "/a/*", true},
      {"/a/*", "/a/b", false},
  };
  for (const auto& [pattern, path, expected] : kCases) {
    EXPECT_EQ(matches_exactly(pattern, path), expected) << pattern << " " << path;
  }
}

TEST(WidePath, FindsWhatIsForbiddenInEverySpelling) {
  constexpr Case kCases[] = {
      {"/v1/keys", "/v1/keys", true},          {"/v1/keys", "/v1/keys/7", true},
      {"/v1/keys", "/V1/Keys", true},          {"/v1/keys", "/v1//keys", true},
      {"/v1/keys", "/v1/;x/keys", true},       {"/v1/keys", "/v1/keys;x=1", true},
      {"/v1/keys", "/v1;a/keys/b", true},      {"/v1/keys", "/v1/keys.", true},
      {"/v1/keys", "/v1/keys%20", true},       {"/v1/keys", "/v1/%6beys", true},
      {"/v1/keys", "/v1/%256beys", true},      {"/v1/keys", "/v1%2Fkeys", true},
      {"/v1/keys", "/v1%252fkeys", true},      {"/v1/keys", "/v1/keys%3Fx", true},
      {"/v1/keys", "/v1/keys%23x", true},      {"/v1/keys", "/v1/keys%3B", true},
      {"/v1/keys", "/v1/monkeys", false},      {"/v1/keys", "/v1/keyset", false},
      {"/v1/keys", "/v2/keys", false},         {"/v1/keys$", "/v1/keys/", true},
      {"/v1/keys$", "/v1/keys/7", false},      {"/a/{id}/hooks", "/a/7%2Fhooks", true},
      {"/a/{id}/hooks", "/a/7/HOOKS/8", true}, {"/a/{id}/hooks", "/a/hooks", false},
      {"/a/Keys*", "/a/keys.json", true},      {"/a/{id}.json$", "/a/X.JSON", true},
  };
  for (const auto& [pattern, path, expected] : kCases) {
    EXPECT_EQ(WidePath(path).matches(pattern), expected) << pattern << " " << path;
  }
}

TEST(MatchesPrefix, EndsAtASegmentUnlessThePrefixEndsInAMark) {
  constexpr Case kCases[] = {
      {"/v1/foo", "/v1/foo", true},
      {"/v1/foo", "/v1/foo/bar", true},
      {"/v1/foo", "/v1/foobar", false},
      {"/v1/foo", "/v1/foo-bar", false},
      {"/v1/foo", "/V1/foo", false},
      {"/api/chat.", "/api/chat.postMessage", true},
      {"/v1/places:", "/v1/places:searchText", true},
      {"/v1/", "/v1", false},
      {"/", "/x", true},
      {"", "/x", false},
  };
  for (const auto& [prefix, path, expected] : kCases) {
    EXPECT_EQ(matches_prefix(prefix, path), expected) << prefix << " " << path;
  }
}

struct QueryCase {
  std::string_view pattern, query;
  bool exactly, widely;
};

TEST(QueryMatches, ExactlyForOneUndisputedOccurrenceWidelyForAnyReading) {
  constexpr QueryCase kCases[] = {
      {"/a", "", true, true},
      {"/a", "x=1", true, true},
      {"/a?m", "m", true, true},
      {"/a?m", "m=1", true, true},
      {"/a?m", "n=1", false, false},
      {"/a?m", "", false, false},
      {"/a?m=get|list", "m=get", true, true},
      {"/a?m=get|list", "x=1&m=list", true, true},
      {"/a?m=get|list", "m=del", false, false},
      {"/a?m=get|list", "m=GET", false, true},
      {"/a?m=get|list", "M=get", false, true},
      {"/a?m=get|list", "%6d=get", false, true},
      {"/a?m=get|list", "m=%67et", false, true},
      {"/a?m=get|list", "m=%2567et", false, true},
      {"/a?m=get|list", "m=get+", false, true},
      {"/a?m=get|list", "m[]=get", false, true},
      {"/a?m=get|list", "m%5B0%5D=get", false, true},
      // A second occurrence, for some reader, settles nothing.
      {"/a?m=get|list", "m=get&m=del", false, true},
      {"/a?m=get|list", "m=del&m=get", false, true},
      {"/a?m=get|list", "m=get;m=del", false, true},
      {"/a?m=get|list", "m=get&x=1;m=del", false, true},
      {"/a?m=get|list", "x=1%26m=del&m=get", false, true},
      {"/a?m=get|list", "x=1%2526m%253Ddel&m=get", false, true},
      {"/a?m=get|list", "m=get&x=1%3Bm=del", false, true},
      {"/a?m=del", "x=1%26m=del", false, true},
      {"/a?m=del", "x=1;m=del", false, true},
      {"/a?m=del", "xm=del", false, false},
  };
  for (const auto& [pattern, query, exactly, widely] : kCases) {
    EXPECT_EQ(query_matches_exactly(pattern, query), exactly) << pattern << " " << query;
    EXPECT_EQ(query_matches_widely(pattern, query), widely) << pattern << " " << query;
  }
}

TEST(Covers, HoldsWhenEveryPathOfTheInnerFitsTheOuter) {
  constexpr Case kCases[] = {
      {"/a", "/a", true},
      {"/a", "/a/b", true},
      {"/a", "/a$", true},
      {"/a$", "/a", false},
      {"/a$", "/a$", true},
      {"/a/b", "/a", false},
      {"/a/{x}", "/a/b", true},
      {"/a/b", "/a/{x}", false},
      {"/a/{x}", "/a/{y+}", false},
      {"/a/{x+}", "/a/{y}", true},
      {"/a/b*", "/a/bc", true},
      {"/a/b*", "/a/bc*", true},
      {"/a/bc*", "/a/b*", false},
      {"/a/{x}", "/a/b*", true},
      {"/a/{x}.json", "/a/b.json", true},
      {"/a/{x}", "/a/{y}:z", true},
      {"/a/{x}:z", "/a/{y}", false},
      {"/", "/a/b$", true},
  };
  for (const auto& [outer, inner, expected] : kCases) {
    EXPECT_EQ(covers(outer, inner), expected) << outer << " " << inner;
  }
}

TEST(Overlap, HoldsWhenOnePathFitsBothAndIsSymmetric) {
  constexpr Case kCases[] = {
      {"/a", "/a/b", true},
      {"/a$", "/a/b", false},
      {"/a", "/b", false},
      {"/a/{x}", "/a/b", true},
      {"/a/{x}", "/a", true},
      {"/a/{x}$", "/a/b/c", false},
      {"/a/b*", "/a/bc*", true},
      {"/a/b*", "/a/c*", false},
      {"/a/b*", "/a/{x}.json", true},
      {"/a/{x}:y", "/a/b:z", false},
      {"/a/{x}:y", "/a/{z}:w", false},
      {"/", "/x$", true},
  };
  for (const auto& [a, b, expected] : kCases) {
    EXPECT_EQ(overlap(a, b), expected) << a << " " << b;
    EXPECT_EQ(overlap(b, a), expected) << b << " " << a;
  }
}

// Short patterns and paths of few words, so that they often meet.
std::string random_path(std::mt19937& random, const std::vector<std::string_view>& words) {
  std::string path;
  const auto segments = 1 + random() % 3;
  for (std::size_t i = 0; i < segments; ++i)
    path += "/" + std::string(words[random() % words.size()]);
  return path;
}

TEST(Relations, AgreeWithTheMatcherOnRandomPatternsAndPaths) {
  const std::vector<std::string_view> pieces = {
      "a", "ab", "ab:c", "{x}", "{y+}", "{x}:c", "{y+}:c", "a*", "ab*"};
  const std::vector<std::string_view> words = {"a", "ab", "ab:c", "abc", "b:c", "b%2Fa:c", "", "A"};
  std::mt19937 random(7);
  int met = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto a = random_path(random, pieces) + (random() % 2 == 0 ? "$" : "");
    const auto b = random_path(random, pieces) + (random() % 2 == 0 ? "$" : "");
    const auto path = random_path(random, words);
    const bool fits_a = matches_exactly(a, path);
    const bool fits_b = matches_exactly(b, path);
    met += fits_a && fits_b ? 1 : 0;
    EXPECT_TRUE(!(fits_a && fits_b) || overlap(a, b)) << a << " " << b << " " << path;
    EXPECT_TRUE(!fits_b || !covers(a, b) || fits_a) << a << " " << b << " " << path;
    EXPECT_TRUE(!fits_a || WidePath(path).matches(a)) << a << " " << path;
  }
  EXPECT_GT(met, 100);
}

TEST(Pattern, KnowsWhatReachesAWholeHostOrVersion) {
  for (const auto* wide : {"/", "/v1", "/v1beta", "/api", "/{any}", "/{any}/{more}"}) {
    EXPECT_TRUE(is_wide(wide)) << wide;
  }
  for (const auto* narrow : {"/$", "/v1$", "/api$", "/v1/foo", "/video", "/foo", "/api/{id}/x"}) {
    EXPECT_FALSE(is_wide(narrow)) << narrow;
  }
}

TEST(Pattern, HasAFixedBeginning) {
  EXPECT_EQ(fixed_beginning("/api/chat.*"), "/api/chat.");
  EXPECT_EQ(fixed_beginning("/v1/a$"), "/v1/a");
  EXPECT_EQ(fixed_beginning("/v1/{id}/a"), "/v1/");
  EXPECT_EQ(fixed_beginning("/v1/*/a"), "/v1/*/a");
  EXPECT_EQ(fixed_beginning("/"), "/");
}

}  // namespace
}  // namespace aivault::registry
