#include "registry/view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "registry/registry.h"

namespace aivault::registry {
namespace {

TEST(TextView, IsTheTextItWasMadeFrom) {
  const std::string owned = "acme/things";
  const TextView text = owned;
  EXPECT_EQ(text.view().data(), owned.data());
  EXPECT_EQ(text, "acme/things");
  EXPECT_EQ(text, TextView(owned));
  EXPECT_NE(text, std::string_view("acme/thing"));
  EXPECT_LT(text, "acme/things2");
  EXPECT_EQ(text.size(), owned.size());
  EXPECT_FALSE(text.empty());
  EXPECT_TRUE(TextView().empty());
  EXPECT_EQ(TextView(), "");
}

TEST(ListView, IsTheListItWasMadeFrom) {
  static constexpr std::array<TextView, 2> kMethods{"GET", "POST"};
  constexpr ListView<TextView> list = kMethods;
  static_assert(list.size() == 2 && list[1] == "POST");
  EXPECT_EQ(list.data(), kMethods.data());
  EXPECT_EQ(std::ranges::count(list, std::string_view("GET")), 1);
  EXPECT_TRUE(ListView<TextView>().empty());
  EXPECT_TRUE(ListView<TextView>(std::vector<TextView>()).empty());
  EXPECT_EQ(ListView<TextView>().begin(), ListView<TextView>().end());
}

TEST(Ref, IsAPointerOrNone) {
  const int number = 7;
  const Ref<int> reference = &number;
  EXPECT_EQ(reference.get(), &number);
  EXPECT_EQ(*reference, 7);
  EXPECT_EQ(Ref<int>().get(), nullptr);
}

// The first line of a mapping in /proc/self/smaps, and its figures.
struct Mapping {
  std::string permissions;
  std::map<std::string, std::string, std::less<>> figures;
};

Mapping mapping_of(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  Mapping found;
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::string first, second;
    words >> first >> second;
    if (first.ends_with(':')) {
      if (inside) found.figures[first] = second;
      continue;
    }
    if (inside) break;
    const auto dash = first.find('-');
    inside = std::stoull(first.substr(0, dash), nullptr, 16) <= wanted &&
             wanted < std::stoull(first.substr(dash + 1), nullptr, 16);
    if (inside) found.permissions = second;
  }
  return found;
}

// Pointers would have been relocated, which leaves pages that are no longer those of the file.
TEST(Tables, AreBytesOfTheProgramThatNobodyWrote) {
  const auto mapping = mapping_of(providers().data());
  EXPECT_EQ(mapping.permissions, "r--p");
  ASSERT_TRUE(mapping.figures.contains("Anonymous:"));
  EXPECT_EQ(mapping.figures.at("Anonymous:"), "0");
}

}  // namespace
}  // namespace aivault::registry
