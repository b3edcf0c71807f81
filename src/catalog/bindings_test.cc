#include "catalog/bindings.h"

#include <gtest/gtest.h>

namespace aivault::catalog {
namespace {

using vault::BindingRow;
using vault::Context;
using vault::Scope;

const Scope kGlobal;
const Scope kWorkspace{Scope::Kind::workspace, "w", ""};
const Scope kGroup{Scope::Kind::group, "w", "g"};

TEST(FindBinding, PrefersTheNarrowerScopeThenTheConsumerThenTheNewest) {
  // Every one of these six is stored or not, and every call asks.
  struct Stored {
    Scope scope;
    const char *consumer, *secret;
  };
  const Stored best_first[] = {
      {kGroup, "ann", "1"},
      {kGroup, "", "2"},
      {kWorkspace, "ann", "3"},
      {kWorkspace, "", "4"},
      {kGlobal, "ann", "5"},
      {kGlobal, "", "6"},
  };
  const Context contexts[] = {{"", ""}, {"w", ""}, {"w", "g"}, {"w", "other"}, {"x", "g"}};
  const auto fits = [](const Scope& scope, const Context& context) {
    if (scope.kind == Scope::Kind::global) return true;
    if (scope.workspace != context.workspace) return false;
    return scope.kind == Scope::Kind::workspace || scope.group == context.group;
  };
  for (unsigned stored = 0; stored < 64; ++stored) {
    Bindings bindings;
    for (std::size_t i = 6; i-- > 0;) {
      if ((stored >> i & 1U) == 0) continue;
      const auto& b = best_first[i];
      // The age of a wider one does not matter.
      bindings.add(
          {"a/b", b.scope, b.consumer, SecretId(b.secret), from_int(100 + static_cast<int>(i))});
    }
    for (const auto& context : contexts) {
      for (const char* consumer : {"ann", "bob", ""}) {
        std::string expected;
        for (std::size_t i = 0; i < 6 && expected.empty(); ++i) {
          const auto& b = best_first[i];
          const bool is_meant = *b.consumer == '\0' || std::string_view(b.consumer) == consumer;
          if ((stored >> i & 1U) != 0 && is_meant && fits(b.scope, context)) expected = b.secret;
        }
        const auto* found = bindings.find("a/b", context, consumer);
        EXPECT_EQ(found == nullptr ? "" : found->secret_id.str(), expected)
            << stored << ' ' << context.workspace << ' ' << context.group << ' ' << consumer;
        EXPECT_EQ(bindings.find("a/c", context, consumer), nullptr);
      }
    }
  }
}

TEST(FindBinding, OfTwoWithOneKeyTakesTheNewer) {
  for (const bool newer_first : {true, false}) {
    Bindings bindings;
    const BindingRow older{"a/b", kGlobal, "", SecretId("old"), from_int(1)};
    const BindingRow newer{"a/b", kGlobal, "", SecretId("new"), from_int(2)};
    bindings.add(newer_first ? newer : older);
    bindings.add(newer_first ? older : newer);
    EXPECT_EQ(bindings.size(), 1U);
    EXPECT_EQ(bindings.find("a/b", {}, "")->secret_id.str(), "new");
  }
}

}  // namespace
}  // namespace aivault::catalog
