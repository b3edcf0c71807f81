// What was released grows only with a word of why (SET-3), and everything fits the tables (SET-5).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "registry/judged_file_test.h"

namespace aivault::registry {
namespace {

using Lines = std::vector<std::string>;

std::vector<ProviderFile> good(const std::string& extra = "") {
  Problems problems;
  auto file = parse_file(
      "acme.json", replaced(R"(  "aliases": {)", "  " + extra + R"("aliases": {)"), problems);
  EXPECT_TRUE(file && problems.all().empty());
  check_file(*file, problems);
  return {*std::move(file)};
}

Lines widened(const std::vector<ProviderFile>& files, const Released& before) {
  Problems problems;
  check_widening(files, {{"acme/tickets", before}}, problems);
  return problems.lines();
}

const Released kAsNow{.highest = CallClass::destructive, .hosts = {"{sub}.acme.example"}};

TEST(CheckWidening, LetsACapabilityStayOrBecomeNarrower) {
  EXPECT_EQ(widened(good(), kAsNow), Lines());
  auto wider = kAsNow;
  wider.emits = true;
  wider.hosts.insert("eu.acme.example");
  EXPECT_EQ(widened(good(), wider), Lines());
  EXPECT_EQ(widened(good(), Released{.retired = true}), Lines());
  EXPECT_EQ(widened(good(), Released{}), Lines());
}

TEST(CheckWidening, WantsAWordForAHigherClass) {
  auto before = kAsNow;
  before.highest = CallClass::write;
  EXPECT_EQ(widened(good(), before),
            (Lines{"acme.json:37:13: error SET-3: 'acme/tickets' was released as write and is "
                   "destructive now: say under 'widened' why existing grants may grow"}));
  EXPECT_EQ(widened(good(R"("widened": { "acme/tickets": "0.3.0: deletes, too" }, )"), before),
            Lines());
}

TEST(CheckWidening, WantsAWordForAnotherHost) {
  auto before = kAsNow;
  before.hosts = {"api.acme.example"};
  EXPECT_EQ(widened(good(), before),
            (Lines{"acme.json:37:13: error SET-3: 'acme/tickets' was released without the host "
                   "'{sub}.acme.example': say under 'widened' why existing grants may grow"}));
}

TEST(CheckWidening, WantsAWordForAnswersThatHoldACredential) {
  auto files = good();
  files.front().capabilities.back().emits = true;
  EXPECT_EQ(widened(files, kAsNow),
            (Lines{"acme.json:37:13: error SET-3: 'acme/tickets' was released without 'emits': "
                   "say under 'widened' why existing grants may grow"}));
}

TEST(CheckWidening, RefusesAWordForNobody) {
  EXPECT_EQ(widened(good(R"("widened": { "acme/gone": "0.3.0: why" }, )"), kAsNow),
            (Lines{"acme.json:43:16: error SET-3: 'widened' names no capability of this file"}));
}

TEST(CheckTotals, RefusesMoreIdsThanTheTablesHold) {
  std::vector<ProviderFile> files = {good().front(), good().front()};
  files[1].file = "other.json";
  files[0].aliases.resize(65'535 - files[0].capabilities.size() - files[0].retired.size());
  files[1].capabilities.clear();
  files[1].aliases.clear();
  files[1].retired.clear();
  Problems fits;
  check_totals(files, fits);
  EXPECT_EQ(fits.lines(), Lines());
  files[1].aliases.resize(1);
  Problems problems;
  check_totals(files, problems);
  EXPECT_EQ(problems.lines(),
            (Lines{"other.json:3:15: error SET-5: more than 65535 ids do not fit the tables"}));
}

}  // namespace
}  // namespace aivault::registry
