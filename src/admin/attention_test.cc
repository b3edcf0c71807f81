#include "admin/attention.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "admin/desk_fixture.h"

namespace aivault::admin {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

class AttentionOfAVault : public DeskFixture {
 protected:
  Texts due() {
    const auto found = find_attention(desk_, vault(), Look::first);
    if (!found) return {found.error().message};
    Texts texts;
    for (const auto& problem : found->due) texts.push_back(problem.message);
    return texts;
  }
  static std::string expires(std::chrono::milliseconds from_now) {
    return R"(,"expiresAtMs":)" + std::to_string(to_int(now() + from_now));
  }
  // With a value that has not changed for so many days.
  void keep_old(const std::string& name, int age, int rotate_every) {
    ASSERT_TRUE(vault().change([&](vault::Change& change) -> Result<void> {
      vault::SecretRecord record;
      record.id = SecretId("3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21");
      record.name = name;
      record.created_at = record.updated_at = record.value_changed_at =
          change.now() - std::chrono::days(age);
      record.rotate_every_days = rotate_every;
      TRY(change.import_secret(
          record, Secret::copy_of("a-long-enough-value"), vault::Change::SameId::refused));
      audit::Event event;
      event.kind = "secret.create";
      change.record(event);
      return {};
    }));
  }
};

TEST_F(AttentionOfAVault, NamesWhatHasExpiredOrSoonWill) {
  make_secret("PAST", "a-long-enough-value", R"(,"expiresAtMs":1)");
  make_secret("SOON", "a-long-enough-value", expires(71h));
  make_secret("TOMORROW", "a-long-enough-value", expires(23h));
  make_secret("LATER", "a-long-enough-value", expires(15 * 24h));
  make_secret("NEVER", "a-long-enough-value");
  const auto gone = make_secret("GONE", "a-long-enough-value", R"(,"expiresAtMs":1)");
  ok("DELETE", "/aivault/secrets/" + gone);
  EXPECT_EQ(due(),
            Texts({"secret PAST has expired",
                   "secret TOMORROW expires in 1 day",
                   "secret SOON expires in 3 days"}));
}

TEST_F(AttentionOfAVault, RemindsOfRotationUntilItIsDone) {
  make_secret("YOUNG", "a-long-enough-value", R"(,"rotateEveryDays":1)");
  keep_old("OLD", 30, 30);
  EXPECT_EQ(due(), Texts({"secret OLD is due for rotation (every 30 days)"}));
  ok("POST",
     "/aivault/secrets/3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21/rotate",
     R"({"value":"a-long-enough-value"})");
  EXPECT_EQ(due(), Texts());
}

TEST_F(AttentionOfAVault, RemindsOnTheDayAndNotBefore) {
  keep_old("OLD", 29, 30);
  EXPECT_EQ(due(), Texts());
}

TEST_F(AttentionOfAVault, NamesAMemberAndNotItsComposite) {
  make_secret("TWILIO_ACCOUNT_SID", "a-long-enough-value", R"(,"expiresAtMs":1)");
  make_secret("TWILIO_AUTH_TOKEN", "a-long-enough-value");
  EXPECT_EQ(due(), Texts({"secret TWILIO_ACCOUNT_SID has expired"}));
}

TEST_F(AttentionOfAVault, SaysThatThereIsMoreThanItNames) {
  ASSERT_TRUE(vault().change([&](vault::Change& change) -> Result<void> {
    for (int i = 0; i < 1001; ++i) {
      vault::NewSecret wanted;
      wanted.name = "S" + std::to_string(i);
      wanted.expires_at = from_int(1);
      TRY(change.create_secret(wanted, Secret::copy_of("a-long-enough-value")));
    }
    audit::Event event;
    event.kind = "secret.create";
    change.record(event);
    return {};
  }));
  const auto texts = due();
  ASSERT_EQ(texts.size(), 1001U);
  EXPECT_EQ(texts.back(), "more secrets are due");
}

}  // namespace
}  // namespace aivault::admin
