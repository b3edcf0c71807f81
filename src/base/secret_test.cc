#include "base/secret.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>

#include "base/reveal.h"
#include "base/wipe.h"

namespace aivault {
namespace {

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret>);
static_assert(std::is_nothrow_move_assignable_v<Secret>);

TEST(Secret, HoldsWhatItWasMadeOf) {
  EXPECT_EQ(Secret::copy_of("key").text(Reveal()), "key");
  EXPECT_EQ(Secret::join({"Bearer ", "", "key"}).text(Reveal()), "Bearer key");
  EXPECT_EQ(Secret::copy_of("key").clone().text(Reveal()), "key");
  EXPECT_EQ(Secret::zeroed(2).text(Reveal()), std::string(2, '\0'));
  auto secret = Secret::zeroed(1);
  secret.writable(Reveal())[0] = std::byte('a');
  EXPECT_EQ(secret.text(Reveal()), "a");
}

TEST(Secret, MayBeEmpty) {
  for (const auto& secret : {Secret(), Secret::copy_of(""), Secret::join({}), Secret::zeroed(0)}) {
    EXPECT_TRUE(secret.empty());
    EXPECT_EQ(secret.text(Reveal()), "");
    EXPECT_TRUE(secret == Secret());
  }
}

TEST(Secret, LeavesNothingBehindWhenMoved) {
  auto from = Secret::copy_of("key");
  auto to = std::move(from);
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move)
  to = Secret::copy_of("other");
  EXPECT_EQ(to.text(Reveal()), "other");
  auto& same = to;
  to = std::move(same);
  EXPECT_EQ(to.text(Reveal()), "other");
}

TEST(Secret, ComparesContents) {
  EXPECT_TRUE(Secret::copy_of("key") == Secret::copy_of("key"));
  EXPECT_FALSE(Secret::copy_of("key") == Secret::copy_of("kex"));
  EXPECT_FALSE(Secret::copy_of("key") == Secret::copy_of("key2"));
}

TEST(SecretDeathTest, IsNotReadableBeyondItsEnd) {
  const auto secret = Secret::copy_of("key");
  const volatile auto* beyond = secret.bytes(Reveal()).data() + secret.size();
  EXPECT_DEATH(static_cast<void>(*beyond), "");
}

TEST(Wipe, ClearsTheWholeCapacity) {
  std::string text(100, 'k');
  text.resize(3);
  const auto* bytes = text.data();
  wipe(text);
  EXPECT_TRUE(text.empty());
  for (int i = 1; i < 100; ++i) ASSERT_EQ(bytes[i], '\0') << i;
}

}  // namespace
}  // namespace aivault
