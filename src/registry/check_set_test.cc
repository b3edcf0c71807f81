// What several files and the list of released ids say about each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "registry/check.h"

namespace aivault::registry {
namespace {

using Lines = std::vector<std::string>;

// A small provider; `extra` goes in front of "capabilities".
ProviderFile provider(const std::string& id,
                      const std::string& host,
                      const std::string& secret,
                      const std::string& extra = "",
                      const std::string& placeholder = "secret") {
  const std::string text = R"({ "schema": 1, "provider": ")" + id + R"(", "name": "N",
  "category": "c", "docs": "https://a.example/", "reviewed": "2026-11-20",
  "hosts": { "api": [")" + host +
                           R"("] },
  "auth": [ { "name": "key", "base": true, "priority": 1, "secrets": { ")" +
                           secret + R"(": ")" + placeholder + R"(" },
      "config": { "header": { "header_name": "x-)" +
                           id + R"(", "value_template": "{{secret}}" } } } ],
  )" + extra + R"(
  "capabilities": [
    { "id": ")" + id + R"(/things", "summary": "S", "class": "read", "host": "api",
      "allow": [ { "methods": ["GET"], "paths": ["/things"] } ],
      "example": { "method": "GET", "path": "/things" } } ],
  "setup": { "url": "https://a.example/", "steps": ["Get it."] } })";
  Problems problems;
  auto file = parse_file(id + ".json", text, problems);
  EXPECT_TRUE(file.has_value());
  check_file(*file, problems);
  return *std::move(file);
}

Lines problems_of(const std::vector<ProviderFile>& files,
                  const std::vector<FamilyEntry>& families = {},
                  const Lock& lock = {}) {
  Problems problems;
  check_set(files, families, lock, problems);
  return problems.lines();
}

const Released kReleased{.highest = CallClass::read, .hosts = {"a.example.com"}};
const Released kRetired{.retired = true};

TEST(CheckSet, AcceptsStrangers) {
  EXPECT_EQ(problems_of({provider("a", "a.example.com", "A"), provider("b", "b.example.com", "B")}),
            Lines());
}

// Case 84.
TEST(CheckSet, RefusesASecondProviderOfThatName) {
  const auto lines =
      problems_of({provider("a", "a.example.com", "A"), provider("a", "a2.example.com", "A2")});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "a.json:1:28: error SET-1: duplicate provider in registry: 'a'");
  EXPECT_EQ(lines[1], "a.json:8:13: error CAP-1: capability id 'a/things' is used twice");
}

TEST(CheckSet, SharesAHostOnlyWithinAFamilyOrIfBothSaySo) {
  const std::string shares = R"("shares_host": ["x.example.com"],)";
  const Lines refused = {"b.json:3:22: error HOST-5: host 'x.example.com' belongs to provider 'a'"};
  EXPECT_EQ(problems_of({provider("a", "x.example.com", "A"), provider("b", "x.example.com", "B")}),
            refused);
  EXPECT_EQ(problems_of(
                {provider("a", "x.example.com", "A", shares), provider("b", "x.example.com", "B")}),
            refused);
  EXPECT_EQ(problems_of({provider("a", "x.example.com", "A", shares),
                         provider("b", "x.example.com", "B", shares)}),
            Lines());
  EXPECT_EQ(problems_of({provider("a", "x.example.com", "A"), provider("b", "x.example.com", "B")},
                        {{"f", {"a", "b"}, {}}}),
            Lines());
}

// Case 84.
TEST(CheckSet, GivesASecretNameOneOwnerOutsideAFamily) {
  const Lines refused = {
      "b.json:4:72: error SET-1: duplicate vault secret name 'S': 'a' claims it"};
  const auto a = provider("a", "a.example.com", "S");
  const auto b = provider("b", "b.example.com", "S");
  EXPECT_EQ(problems_of({a, b}), refused);
  const auto other = problems_of({a, b}, {{"f", {"a", "b"}, {"OTHER"}}});
  EXPECT_NE(std::ranges::find(other, refused.front()), other.end());
  EXPECT_EQ(problems_of({a, b}, {{"f", {"a"}, {"S"}}}), refused);
  EXPECT_EQ(problems_of({a, b}, {{"f", {"a", "b"}, {"S"}}}), Lines());
  EXPECT_EQ(problems_of({a, provider("b", "b.example.com", "S", "", "other")},
                        {{"f", {"a", "b"}, {"S"}}}),
            refused);
}

TEST(CheckSet, HoldsReleasedIdsToTheirPromise) {
  const std::vector<ProviderFile> files = {provider("a", "a.example.com", "A")};
  EXPECT_EQ(problems_of(files, {}, {{"a/things", kReleased}}), Lines());
  EXPECT_EQ(problems_of(files, {}, {{"a/gone", kReleased}}),
            (Lines{"a.json:1:28: error SET-2: 'a/gone' was released: it must stay live, become an "
                   "alias or be retired"}));
  EXPECT_EQ(problems_of(files, {}, {{"b/gone", kReleased}}),
            (Lines{"ids.lock:1:1: error SET-2: 'b/gone' was released: it must stay live, become an "
                   "alias or be retired"}));
  EXPECT_EQ(problems_of(files, {}, {{"a/things", kRetired}}),
            (Lines{"a.json:1:28: error SET-2: the retired id 'a/things' is never used again"}));
}

TEST(CheckSet, AllowsUnderscoresOnlyInReleasedIds) {
  const std::vector<ProviderFile> files = {
      provider("a", "a.example.com", "A", R"("aliases": { "a/old_things": "a/things" },)")};
  EXPECT_EQ(problems_of(files, {}, {{"a/old_things", kReleased}}), Lines());
  EXPECT_EQ(problems_of(files),
            (Lines{"a.json:6:16: error CAP-1: invalid capability id 'a/old_things': a/<name>, in "
                   "lower case with '-' between words"}));
}

TEST(CheckSet, RefusesARequestHeaderThatAnotherProviderInjects) {
  EXPECT_EQ(problems_of({provider("a", "a.example.com", "A"),
                         provider("b", "b.example.com", "B", R"("request_headers": ["x-a"],)")}),
            (Lines{"b.json:6:23: error SET-4: callers may not send 'x-a': a provider injects it"}));
}

TEST(Lock, KeepsEveryIdAndPrintsWhatItReads) {
  const std::vector<ProviderFile> files = {provider("a",
                                                    "a.example.com",
                                                    "A",
                                                    R"("aliases": { "a/old": "a/things" },
  "retired": { "a/dead": { "reason": "r", "release": "1" } },)")};
  const Released other{
      .highest = CallClass::destructive, .emits = true, .hosts = {"b.test", "{sub}.b.test"}};
  const Lock lock = lock_of(files, {{"a/dead", kReleased}, {"b/other", other}});
  EXPECT_EQ(lock,
            (Lock{{"a/dead", kRetired},
                  {"a/old", kReleased},
                  {"a/things", kReleased},
                  {"b/other", other}}));
  Problems problems;
  EXPECT_EQ(parse_lock("ids.lock", print_lock(lock), problems), lock);
  EXPECT_TRUE(problems.all().empty());
}

TEST(Lock, ReportsLinesThatItCannotRead) {
  Problems problems;
  parse_lock("ids.lock",
             "# c\n\nb/x read h.test\na/x read h.test\na/y sometimes h.test\nnonsense\n"
             "c/x read\nc/y retired h.test\nc/z write emits\nd/x read h.test\n",
             problems);
  const std::string form =
      "error SET-2: a line reads '<id> <class> [emits] <host>...' or '<id> retired'";
  EXPECT_EQ(problems.lines(),
            (Lines{"ids.lock:4:1: error SET-2: ids must be sorted and unique",
                   "ids.lock:5:1: " + form,
                   "ids.lock:6:1: " + form,
                   "ids.lock:7:1: " + form,
                   "ids.lock:8:1: " + form,
                   "ids.lock:9:1: " + form}));
}

TEST(CheckSet, WantsFamiliesOfProvidersThatClaimTheirSecrets) {
  const auto a = provider("a", "a.example.com", "S");
  const auto b = provider("b", "b.example.com", "S");
  const auto family = [](std::string name, std::set<std::string> members) {
    return FamilyEntry{std::move(name), std::move(members), {"S"}, "families.json", {2, 3}};
  };
  EXPECT_EQ(problems_of({a, b}, {family("f", {"a", "b", "c"})}),
            (Lines{"families.json:2:3: error SET-1: family 'f': there is no provider 'c'"}));
  EXPECT_EQ(problems_of({provider("a", "a.example.com", "A"), provider("b", "b.example.com", "B")},
                        {family("f", {"a", "b"})}),
            (Lines{"families.json:2:3: error SET-1: family 'f': no member claims 'S'"}));
  EXPECT_EQ(problems_of({a, b}, {family("f", {"a", "b"}), family("g", {"a", "b"})}),
            (Lines{"families.json:2:3: error SET-1: family 'g': another family has 'S', too"}));
}

TEST(CheckSet, PrefersTheOwnSecretOfAProviderToThatOfItsFamily) {
  const auto with_priority = [](int shared) {
    auto file = provider("a", "a.example.com", "OWN");
    auto kind = file.kinds.front();
    kind.name.text = "family";
    kind.base = false;
    kind.priority = shared;
    kind.secrets.front().name.text = "S";
    file.kinds.front().priority = 50;
    file.kinds.push_back(kind);
    return file;
  };
  const std::vector<FamilyEntry> families = {{"f", {"a"}, {"S"}}};
  EXPECT_EQ(problems_of({with_priority(49)}, families), Lines());
  for (const int shared : {50, 51}) {
    EXPECT_EQ(problems_of({with_priority(shared)}, families),
              (Lines{"a.json:4:13: error SET-1: kind 'family' takes a secret of family 'f': the "
                     "priority of the provider's own must be higher"}));
  }
}

TEST(Families, AreReadStrictly) {
  Problems problems;
  const auto families = parse_families(
      "families.json", R"({ "f": { "members": ["a", "b"], "secrets": ["S"] } })", problems);
  ASSERT_EQ(families.size(), 1U);
  EXPECT_EQ(families[0].name, "f");
  EXPECT_EQ(families[0].members, (std::set<std::string>{"a", "b"}));
  EXPECT_EQ(families[0].secrets, (std::set<std::string>{"S"}));
  EXPECT_EQ(families[0].file, "families.json");
  EXPECT_EQ(families[0].at, (Position{1, 8}));
  EXPECT_TRUE(problems.all().empty());
  parse_families("families.json", R"({ "f": { "members": ["a"], "who": 1 } })", problems);
  EXPECT_EQ(problems.lines(),
            (Lines{"families.json:1:8: error FILE-3: required key 'secrets' is missing in a family",
                   "families.json:1:28: error FILE-2: unknown key 'who' in a family"}));
}

}  // namespace
}  // namespace aivault::registry
