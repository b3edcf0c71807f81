#include <gtest/gtest.h>

#include <array>
#include <filesystem>

#include "admin/desk_fixture.h"

namespace aivault::admin {
namespace {

constexpr std::string_view kRotate = "/aivault/vault/rotate-master";
constexpr std::string_view kRecover = "/aivault/vault/recover";

class MasterKey : public DeskFixture {};

TEST_F(MasterKey, IsNotMadeForAVaultThatIsNotThere) {
  EXPECT_EQ(refusal("POST", kRotate, "{}"), "vault not enabled");
  EXPECT_EQ(refusal("POST", kRecover, "{}"), "vault not enabled");
  EXPECT_FALSE(vault::Vault::exists(slot_.options().location));
}

TEST_F(MasterKey, IsRotatedAndTheAnswerIsTheStatus) {
  make_secret("ONE", "value");
  const auto before = *vault().status().kek_id;
  const auto answer = ok("POST", kRotate, "{}");
  const auto after = *vault().status().kek_id;
  EXPECT_NE(before, after);
  EXPECT_EQ(answer,
            R"({"enabled":true,"providerType":"file","locked":false,"kekId":")" + after + R"("})");
  EXPECT_TRUE(notices().empty());
  EXPECT_EQ(audit_kinds().back(), "vault.rotate_master_key");
}

TEST_F(MasterKey, OfAVariableComesWithWhatToDoNext) {
  make_secret("ONE", "value");
  ok("POST",
     kRotate,
     R"({"provider":"env","newKey":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"})");
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_TRUE(notices().front().starts_with("Put the new key into AIVAULT_KEY"));
  EXPECT_FALSE(std::filesystem::exists(slot_.options().location.default_key_file));
}

TEST_F(MasterKey, MadeFromAPassphraseLeavesTheVaultUnlocked) {
  make_secret("ONE", "value");
  const auto answer = ok("POST", kRotate, R"({"newPassphrase":"short one"})");
  EXPECT_NE(answer.find(R"("providerType":"passphrase","locked":false)"), std::string::npos);
  ASSERT_EQ(notices().size(), 2U);
  EXPECT_TRUE(notices().front().starts_with("!"));
}

TEST_F(MasterKey, MadeFromAPassphraseInAPrivateChildGoesWithIt) {
  make_secret("ONE", "value");
  facts_.private_child = true;
  const auto answer = ok("POST", kRotate, R"({"newPassphrase":"long enough one"})");
  EXPECT_NE(answer.find(R"("providerType":"passphrase","locked":true)"), std::string::npos);
  const auto back = ok("POST", kRotate, R"({"provider":"file"})");
  EXPECT_NE(back.find(R"("providerType":"file","locked":false)"), std::string::npos);
}

TEST_F(MasterKey, IsRefusedAsTheDocumentationSays) {
  make_secret("ONE", "value");
  struct Row {
    std::string_view body, message;
  };
  constexpr std::array<Row, 6> kRows{{
      {R"({"newKey":"x","newPassphrase":"y"})",
       "provide only one of --new-key or --new-passphrase"},
      {R"({"provider":"env"})", "new_key required"},
      {R"({"provider":"passphrase"})", "new_passphrase required"},
      {R"({"newKey":"too short"})", "a key is 32 bytes"},
      {R"({"newPassphrase":"   "})", "must not be empty"},
      {R"({"provider":"file","envVar":"X"})", "does not belong"},
  }};
  const auto before = vault().status().kek_id;
  for (const auto& row : kRows) {
    const auto message = refusal("POST", kRotate, row.body);
    EXPECT_NE(message.find(row.message), std::string::npos) << message;
  }
  EXPECT_EQ(vault().status().kek_id, before);
}

TEST_F(MasterKey, RecoveryOfAWholeVaultFindsNothingToDo) {
  make_secret("ONE", "value");
  const auto answer = ok("POST", kRecover, R"({"accept":true})");
  EXPECT_NE(answer.find(R"("accepted":false)"), std::string::npos) << answer;
  EXPECT_NE(answer.find(R"("damaged":false,"dropped":[])"), std::string::npos) << answer;
}

}  // namespace
}  // namespace aivault::admin
