#include "vault/scope.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aivault::vault {
namespace {

const Scope kGlobal = Scope::global_scope();
const Scope kWorkspace{Scope::Kind::workspace, "W", ""};
const Scope kGroup{Scope::Kind::group, "W", "G"};

// The whole table of docs/vault.md: every scope in every context.
TEST(MayOpen, FollowsTheTable) {
  const std::vector<Attachment> none;
  const std::vector<Attachment> to_wg{{"W", "G"}};
  const std::vector<Attachment> to_vh{{"V", "H"}};
  struct Row {
    const char* name;
    Scope secret;
    std::vector<Attachment> attached;
    Context context;
    Opener opener;
    bool allowed;
  };
  const auto other = Opener::other;
  const auto derived = Opener::derived_global_credential;
  const Row rows[] = {
      {"global, no context", kGlobal, none, {}, other, true},
      {"global, workspace", kGlobal, none, {"W", ""}, other, true},
      {"global, group, attached", kGlobal, to_wg, {"W", "G"}, other, true},
      {"global, group, derived", kGlobal, none, {"W", "G"}, derived, true},
      {"global, group, neither", kGlobal, none, {"W", "G"}, other, false},
      {"global, group, attached elsewhere", kGlobal, to_vh, {"W", "G"}, other, false},

      {"workspace, no context", kWorkspace, none, {}, other, false},
      {"workspace, no context, derived", kWorkspace, none, {}, derived, false},
      {"workspace, no context, attached", kWorkspace, to_wg, {}, other, false},
      {"workspace, same", kWorkspace, none, {"W", ""}, other, true},
      {"workspace, other", kWorkspace, none, {"V", ""}, other, false},
      {"workspace, other, attached there", kWorkspace, to_vh, {"V", ""}, other, false},
      {"workspace, group of it", kWorkspace, none, {"W", "X"}, other, true},
      {"workspace, group of another", kWorkspace, none, {"V", "H"}, other, false},
      {"workspace, group of another, attached", kWorkspace, to_vh, {"V", "H"}, other, true},
      {"workspace, derived does not help", kWorkspace, none, {"V", "H"}, derived, false},

      {"group, no context", kGroup, none, {}, other, false},
      {"group, its workspace", kGroup, none, {"W", ""}, other, false},
      {"group, its workspace, attached", kGroup, to_wg, {"W", ""}, other, false},
      {"group, same", kGroup, none, {"W", "G"}, other, true},
      {"group, other of the workspace", kGroup, none, {"W", "X"}, other, false},
      {"group, same name elsewhere", kGroup, none, {"V", "G"}, other, false},
      {"group, attached", kGroup, to_vh, {"V", "H"}, other, true},
      {"group, derived does not help", kGroup, none, {"V", "H"}, derived, false},
  };
  for (const auto& row : rows) {
    const auto outcome = may_open(row.secret, row.attached, row.context, row.opener);
    EXPECT_EQ(outcome.has_value(), row.allowed) << row.name;
    if (!outcome) {
      EXPECT_EQ(outcome.error().code, ErrorCode::policy_violation);
      EXPECT_EQ(outcome.error().reason, "secret_not_accessible");
      EXPECT_EQ(outcome.error().message, "secret not accessible");
    }
  }
}

TEST(MakeScope, NamesTheFlagThatIsMissingOrTooMuch) {
  struct Row {
    const char *kind, *workspace, *group, *marker;  // nullptr: allowed.
  };
  const Row rows[] = {
      {"global", "", "", nullptr},
      {"workspace", "W", "", nullptr},
      {"group", "W", "G", nullptr},
      {"global", "W", "", "--workspace-id"},
      {"workspace", "", "", "--workspace-id is required"},
      {"workspace", "W", "G", "--group-id"},
      {"group", "", "G", "--workspace-id is required"},
      {"group", "W", "", "--group-id is required"},
      {"workspace", "a:b", "", "--workspace-id"},
      {"galaxy", "", "", "--scope"},
  };
  for (const auto& row : rows) {
    const auto scope = make_scope(row.kind, row.workspace, row.group);
    EXPECT_EQ(scope.has_value(), row.marker == nullptr) << row.kind << row.workspace << row.group;
    if (!scope) {
      EXPECT_NE(scope.error().message.find(row.marker), std::string::npos) << scope.error().message;
    }
  }
  EXPECT_EQ(make_scope("group", "W", "G")->text(), "group:W:G");
}

TEST(MakeContext, NeedsTheWorkspaceOfAGroup) {
  EXPECT_TRUE(make_context("", ""));
  EXPECT_TRUE(make_context("W", "G"));
  EXPECT_EQ(make_context("", "G").error().message,
            "--workspace-id is required when --group-id is provided");
}

TEST(ScopeId, ExcludesWhatWouldMakeJoinedFormsAmbiguous) {
  for (const char* id : {"a", "acme-dev_1.2", "\xC3\xA4"}) EXPECT_TRUE(is_valid_scope_id(id)) << id;
  EXPECT_TRUE(is_valid_scope_id(std::string(128, 'a')));
  for (const char* id : {"",
                         "a b",
                         "a:b",
                         "a/b",
                         "a\nb",
                         "a\x7F",
                         "\xFF",
                         "a\xC2\xA0"
                         "b"}) {
    EXPECT_FALSE(is_valid_scope_id(id)) << id;
  }
  EXPECT_FALSE(is_valid_scope_id(std::string(129, 'a')));
}

}  // namespace
}  // namespace aivault::vault
