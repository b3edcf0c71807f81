#include "policy/choose.h"

#include <gtest/gtest.h>

#include <vector>

namespace aivault::policy {
namespace {

using enum Candidate::Level;

Candidate candidate(std::string id, Candidate::Level level = global, int priority = 0) {
  Candidate made;
  made.id = std::move(id);
  made.provider = "test";
  made.level = level;
  made.priority = priority;
  return made;
}

// The chosen id, or "<reason>: <message>".
std::string chosen(const std::vector<Candidate>& candidates,
                   const std::optional<std::string>& named = std::nullopt) {
  const auto result = choose(candidates, named, "test");
  return result ? candidates[*result].id : result.error().reason + ": " + result.error().message;
}

// Case 45.
TEST(Choose, TakesTheOnlyOne) {
  EXPECT_EQ(chosen({candidate("a")}), "a");
  EXPECT_EQ(chosen({candidate("a")}, "  "), "a");
}

// Cases 55-57.
TEST(Choose, PrefersLevelThenPriority) {
  EXPECT_EQ(chosen({candidate("g", global, 100), candidate("w", workspace)}), "w");
  EXPECT_EQ(chosen({candidate("x", group), candidate("w", workspace), candidate("g")}), "x");
  EXPECT_EQ(chosen({candidate("a"), candidate("b", global, 100)}), "b");
}

// Cases 46, 53.
TEST(Choose, ReportsAmbiguityWithIds) {
  const auto result = choose(std::vector{candidate("b"), candidate("a")}, std::nullopt, "test");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::credential_ambiguous);
  EXPECT_EQ(result.error().reason, "");
  EXPECT_EQ(result.error().message, "multiple credentials available; pass credential id: a, b");
}

TEST(Choose, LeavesOutWhatCannotServe) {
  auto other = candidate("other", group);
  other.provider = "elsewhere";
  auto off = candidate("off", group);
  off.enabled = false;
  auto away = candidate("away", group);
  away.scope_matches = false;
  auto narrow = candidate("narrow", group);
  narrow.lists_capability = false;
  auto closed = candidate("closed", group);
  closed.secret_accessible = false;
  auto broken = candidate("broken", group);
  broken.defect = Error{ErrorCode::vault_unavailable, "secret_malformed", "bad", 0};
  EXPECT_EQ(chosen({other, off, away, narrow, closed, broken, candidate("good")}), "good");
}

// Cases 50 and 86.
TEST(Choose, ExplainsWhyThereIsNone) {
  const std::string none = "no credential for capability provider 'test'";
  EXPECT_EQ(chosen({}), "none_for_provider: " + none);
  auto off = candidate("off");
  off.enabled = false;
  EXPECT_EQ(chosen({off}), "credential_disabled: " + none + ": credential 'off' is disabled");
  auto hostless = candidate("z");
  hostless.defect = Error{ErrorCode::credential_not_found, "needs_host", "needs host", 0};
  EXPECT_EQ(chosen({hostless}),
            "needs_host: " + none + ": credential 'z' cannot serve: needs host");
  auto malformed = candidate("m");
  malformed.defect = Error{ErrorCode::vault_unavailable, "secret_malformed", "bad", 0};
  EXPECT_EQ(chosen({malformed}),
            "none_for_provider: " + none + ": credential 'm' cannot serve: bad");
  auto expired = candidate("e");
  expired.defect = Error{ErrorCode::vault_unavailable, "secret_expired", "secret expired", 0};
  const auto result = choose(std::vector{off, expired}, std::nullopt, "test");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::vault_unavailable);
  EXPECT_EQ(result.error().reason, "secret_expired");
  // One that only lacks a setting is what the operator can help with.
  EXPECT_EQ(chosen({expired, hostless}),
            "needs_host: " + none + ": credential 'z' cannot serve: needs host");
  auto closed = candidate("c");
  closed.secret_accessible = false;
  EXPECT_EQ(chosen({closed}), "none_for_provider: " + none);
}

// Cases 49, 52.
TEST(Choose, ChecksTheNamedOneInOrder) {
  auto one = candidate("one");
  const auto named = [&](std::string name = " one ") {
    return chosen({candidate("x"), one}, name);
  };
  EXPECT_EQ(named(), "one");
  EXPECT_EQ(named("two"), "unknown_credential: credential not found");
  one.defect = Error{ErrorCode::vault_unavailable, "secret_malformed", "bad", 0};
  EXPECT_EQ(named(), "secret_malformed: bad");
  one.secret_accessible = false;
  EXPECT_EQ(named(), "secret_not_accessible: secret not accessible");
  one.lists_capability = false;
  EXPECT_EQ(named(), "credential_scope: credential is not scoped to this capability");
  one.provider = "elsewhere";
  EXPECT_EQ(named(), "provider_mismatch: credential provider does not match capability provider");
  one.scope_matches = false;
  EXPECT_EQ(named(), "unknown_credential: credential not found");
  one.scope_matches = true;
  one.enabled = false;
  EXPECT_EQ(named(), "unknown_credential: credential not found");
}

}  // namespace
}  // namespace aivault::policy
