#include "cli/capability_filter.h"

#include <gtest/gtest.h>

#include "cli/render_parts.h"
#include "json/parse.h"

namespace aivault::cli {
namespace {

constexpr std::string_view kList = R"({
  "path":"/v",
  "capabilities":[
    {"id":"acme/mail","provider":"acme","class":"write","summary":"Send mail to people"},
    {"id":"own/items","provider":"own","class":"read"}],
  "disabledCapabilities":["acme/old-mail","beta/mail"],
  "registryCapabilities":[
    {"id":"beta/files","provider":"beta","class":"destructive","summary":"Delete files"},
    {"id":"beta/letters","provider":"beta","class":"write","summary":"Send Mail by post"}]})";

std::string shown(const CapabilityFilter& wanted) {
  const auto list = json::parse(kList);
  EXPECT_TRUE(list);
  const auto kept = filter(*list, wanted);
  EXPECT_EQ(text_in(kept, "path"), "/v");
  std::string ids;
  const auto add = [&](std::string_view id) {
    ids += ids.empty() ? "" : " ";
    ids += id;
  };
  for (const auto& entry : items_in(kept, "capabilities")) add(text_in(entry, "id"));
  for (const auto& entry : items_in(kept, "registryCapabilities")) add(text_in(entry, "id"));
  for (const auto& id : items_in(kept, "disabledCapabilities")) add(id.text());
  return ids;
}

TEST(CapabilityFilter, KeepsWhatFitsEveryWish) {
  struct Case {
    CapabilityFilter wanted;
    std::string_view ids;
  };
  const std::vector<Case> cases = {
      {{}, "acme/mail own/items beta/files beta/letters acme/old-mail beta/mail"},
      {{.text = "MAIL send"}, "acme/mail beta/letters"},
      {{.text = " mail "}, "acme/mail beta/letters acme/old-mail beta/mail"},
      {{.text = "mail", .provider = "beta"}, "beta/letters beta/mail"},
      {{.provider = "acme"}, "acme/mail acme/old-mail"},
      {{.call_class = "write"}, "acme/mail beta/letters"},
      {{.ready = true}, "acme/mail own/items"},
      {{.call_class = "read", .ready = true}, "own/items"},
      {{.text = "nothing"}, ""},
  };
  for (const auto& [wanted, ids] : cases) {
    EXPECT_EQ(shown(wanted), ids) << wanted.text << wanted.provider << wanted.call_class;
  }
}

TEST(CapabilityFilter, IsEmptyWithoutAWish) {
  EXPECT_TRUE(CapabilityFilter().is_empty());
  EXPECT_TRUE(CapabilityFilter{.text = " "}.is_empty());
  EXPECT_FALSE(CapabilityFilter{.text = "a"}.is_empty());
  EXPECT_FALSE(CapabilityFilter{.ready = true}.is_empty());
}

}  // namespace
}  // namespace aivault::cli
