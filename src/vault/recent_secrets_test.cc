#include "vault/recent_secrets.h"

#include <gtest/gtest.h>

#include <string>

namespace aivault::vault {
namespace {

SecretId new_id() {
  static int last = 0;
  return SecretId(std::to_string(++last));
}

std::shared_ptr<const VerifiedSecret> secret_of(const SecretId& id, std::size_t size = 16) {
  auto secret = std::make_shared<VerifiedSecret>();
  secret->secret.record.id = id;
  secret->value.ciphertext.assign(size, 'c');
  return secret;
}

class RecentSecretsTest : public testing::Test {
 protected:
  RecentSecrets recent_;
  std::shared_ptr<const Keyring> keys_ = std::make_shared<Keyring>(nullptr);
};

TEST_F(RecentSecretsTest, KeepForOneRevisionAndOneSetOfKeys) {
  const auto id = new_id();
  const auto secret = secret_of(id);
  recent_.keep(7, keys_, secret);
  EXPECT_EQ(recent_.find(id, 7, keys_), secret);
  EXPECT_EQ(recent_.find(id, 8, keys_), nullptr);
  EXPECT_EQ(recent_.find(new_id(), 7, keys_), nullptr);
  EXPECT_EQ(recent_.find(id, 7, std::make_shared<Keyring>(nullptr)), nullptr);
  const auto newer = secret_of(id);
  recent_.keep(8, keys_, newer);
  EXPECT_EQ(recent_.find(id, 7, keys_), nullptr);
  EXPECT_EQ(recent_.find(id, 8, keys_), newer);
}

TEST_F(RecentSecretsTest, HoldNoKeysBack) {
  recent_.keep(1, keys_, secret_of(new_id()));
  const std::weak_ptr<const Keyring> watched = keys_;
  keys_.reset();
  EXPECT_TRUE(watched.expired());
}

TEST_F(RecentSecretsTest, ForgetTheOldestAndKeepNothingLarge) {
  const auto first = new_id();
  const auto second = new_id();
  recent_.keep(1, keys_, secret_of(first));
  recent_.keep(1, keys_, secret_of(second));
  for (std::size_t i = 2; i < RecentSecrets::kMost; ++i) {
    recent_.keep(1, keys_, secret_of(new_id()));
  }
  EXPECT_NE(recent_.find(first, 1, keys_), nullptr);  // Now `second` is the oldest.
  recent_.keep(1, keys_, secret_of(new_id()));
  EXPECT_NE(recent_.find(first, 1, keys_), nullptr);
  EXPECT_EQ(recent_.find(second, 1, keys_), nullptr);
  const auto large = new_id();
  recent_.keep(1, keys_, secret_of(large, RecentSecrets::kMostValueBytes + 1));
  EXPECT_EQ(recent_.find(large, 1, keys_), nullptr);
}

}  // namespace
}  // namespace aivault::vault
