#include "vault/vault.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/reveal.h"
#include "testing/vault_place.h"

namespace aivault::vault {
namespace {

using aivault::testing::VaultPlace;

std::unique_ptr<Vault> open_or_create(const VaultPlace& place) {
  auto vault = Vault::open_or_create(place.options());
  EXPECT_TRUE(vault) << vault.error().message;
  return vault ? std::move(*vault) : nullptr;
}

audit::Event event(std::string kind) {
  audit::Event event;
  event.kind = std::move(kind);
  event.actor = "operator";
  return event;
}

Result<SecretRecord> create(Vault& vault, NewSecret secret, std::string_view value) {
  return change(vault, [&](Change& c) -> Result<SecretRecord> {
    TRY_ASSIGN(auto record, c.create_secret(secret, Secret::copy_of(value)));
    auto e = event("secret.create");
    e.secret_id = record.id.str();
    c.record(e);
    return record;
  });
}

NewSecret named(std::string name) {
  NewSecret secret;
  secret.name = std::move(name);
  return secret;
}

Result<OpenedSecret> open_globally(Vault& vault, const SecretId& id) {
  return vault.open_secret(id, Context{}, Opener::other);
}

Result<void> record_and_wait(Vault& vault, audit::Event e) {
  std::mutex guard;
  std::condition_variable ready;
  std::optional<Result<void>> outcome;
  vault.record(std::move(e), [&](Result<void> done) {
    const std::lock_guard lock(guard);
    outcome = std::move(done);
    ready.notify_all();
  });
  std::unique_lock lock(guard);
  ready.wait(lock, [&] { return outcome.has_value(); });
  return std::move(*outcome);
}

TEST(Vault, KeepsSecretsOverReopening) {
  const VaultPlace place;
  SecretId id;
  {
    auto vault = open_or_create(place);
    ASSERT_TRUE(vault);
    const auto record = create(*vault, named("DEMO_KEY"), "sk-test");
    ASSERT_TRUE(record) << record.error().message;
    id = record->id;
  }
  auto vault = open_or_create(place);
  ASSERT_TRUE(vault);
  const auto opened = open_globally(*vault, id);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->value.text(Reveal{}), "sk-test");
  EXPECT_EQ(opened->record.name, "DEMO_KEY");
  EXPECT_TRUE(record_and_wait(*vault, event("capability.invoke")));
  const auto verified = vault->verify_audit(std::nullopt);
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_TRUE(verified->ok);
  EXPECT_EQ(verified->events, 3);
  for (const auto& check : vault->examine()) {
    EXPECT_EQ(check.state, Vault::Check::State::ok) << check.id << ": " << check.detail;
  }
}

}  // namespace
}  // namespace aivault::vault
