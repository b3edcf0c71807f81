#include "vault/vault.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/encoding.h"
#include "base/reveal.h"
#include "testing/vault_place.h"
#include "vault/slot.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;
using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::record_and_wait;
using aivault::testing::VaultPlace;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

template <typename Work>
auto recorded(Vault& vault, Work work) {
  return change(vault, [&](Change& c) {
    c.record(event_of("secret.update"));
    return work(c);
  });
}

Result<std::optional<SecretRecord>> find(Vault& vault, const SecretId& id) {
  return read(vault, [&](Reader& r) { return r.secret(id); });
}

Result<OpenedSecret> open_globally(Vault& vault, const SecretId& id) {
  return vault.open_secret(id, Context{}, Opener::other);
}

std::string message_of(const auto& result) {
  return result ? "succeeded" : result.error().reason + ": " + result.error().message;
}

TEST(Vault, KeepsSecretsOverReopening) {
  const VaultPlace place;
  SecretId id;
  {
    const auto vault = place.open();
    const auto record = create(*vault, named("DEMO_KEY"), "sk-test");
    ASSERT_TRUE(record) << record.error().message;
    id = record->id;
  }
  const auto vault = place.open();
  const auto opened = open_globally(*vault, id);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->value.text(Reveal{}), "sk-test");
  EXPECT_EQ(opened->record.name, "DEMO_KEY");
  EXPECT_TRUE(record_and_wait(*vault, event_of("capability.invoke")));
  const auto verified = vault->verify_audit(std::nullopt);
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_TRUE(verified->ok);
  EXPECT_EQ(verified->events, 3);
  for (const auto& check : vault->examine()) {
    EXPECT_EQ(check.state, Vault::Check::State::ok) << check.id << ": " << check.detail;
  }
}

TEST(Vault, MakesPrivateFilesOnly) {
  const VaultPlace place;
  const auto vault = place.open();
  ASSERT_TRUE(create(*vault, named("A"), "value"));
  const auto mode = [](const std::string& path) {
    struct stat facts{};
    EXPECT_EQ(::lstat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 07777;
  };
  EXPECT_EQ(mode(place.root()), 0700U);
  EXPECT_EQ(mode(place.base() + "/keys"), 0700U);
  EXPECT_EQ(mode(place.key_file()), 0600U);
  for (const char* name :
       {"vault.json", "vault.db", "vault.db-wal", "vault.db-shm", "vault.lock"}) {
    EXPECT_EQ(mode(place.root() + "/" + name), 0600U) << name;
  }
}

TEST(Vault, RotatesUnderANewVersion) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "first")->id;
  const auto rotate = [&](std::string_view value, std::optional<std::int64_t> expected) {
    return recorded(
        *vault, [&](Change& c) { return c.rotate_secret(id, Secret::copy_of(value), expected); });
  };
  EXPECT_EQ(rotate("second", 1)->value_version, 2);
  EXPECT_EQ(open_globally(*vault, id)->value.text(Reveal{}), "second");
  EXPECT_EQ(message_of(rotate("third", 1)), "changed: the secret has changed meanwhile");
  EXPECT_EQ(open_globally(*vault, id)->record.value_version, 2);
  EXPECT_EQ(rotate("third", std::nullopt)->value_version, 3);
}

TEST(Vault, RevokesForGoodAndFreesTheNames) {
  const VaultPlace place;
  const auto vault = place.open();
  auto secret = named("A");
  secret.aliases = {"alias"};
  const auto id = create(*vault, secret, "value")->id;
  const auto revoke = [&] {
    return recorded(*vault, [&](Change& c) { return c.revoke_secret(id); });
  };
  const auto revoked = revoke();
  ASSERT_TRUE(revoked) << revoked.error().message;
  EXPECT_TRUE(revoked->revoked_at);
  EXPECT_TRUE(revoked->aliases.empty());
  EXPECT_EQ(revoke()->revoked_at, revoked->revoked_at);  // Again: nothing changes.
  EXPECT_EQ(message_of(open_globally(*vault, id)), "secret_missing: secret revoked");
  EXPECT_EQ(message_of(recorded(*vault,
                                [&](Change& c) {
                                  return c.rotate_secret(id, Secret::copy_of("x"), std::nullopt);
                                })),
            "secret_missing: secret revoked");
  EXPECT_TRUE(create(*vault, named("A"), "value"));
  EXPECT_TRUE(create(*vault, named("alias"), "value"));
  EXPECT_EQ((*find(*vault, id))->name, "A");
}

TEST(Vault, KeepsNamesAndAliasesUniqueInOneScope) {
  const VaultPlace place;
  const auto vault = place.open();
  auto first = named("A");
  first.aliases = {" c ", "b", "", "b"};
  const auto made = create(*vault, first, "value");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->aliases, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(message_of(create(*vault, named("A"), "x")), "exists: secret name 'A' already exists");
  EXPECT_EQ(message_of(create(*vault, named("b"), "x")), "exists: secret name 'b' already exists");
  auto clashing = named("B");
  clashing.aliases = {"A"};
  EXPECT_EQ(message_of(create(*vault, clashing, "x")),
            "exists: alias 'A' conflicts with an existing name");
  auto elsewhere = named("A");
  elsewhere.scope = {Scope::Kind::workspace, "W", ""};
  EXPECT_TRUE(create(*vault, elsewhere, "x"));

  const auto by_alias = read(*vault, [](Reader& r) { return r.secret_by_name({}, "c"); });
  ASSERT_TRUE(by_alias && *by_alias);
  EXPECT_EQ((*by_alias)->id, made->id);

  SecretUpdate update;
  update.name = "Z";
  update.aliases = std::vector<std::string>{"b", "A"};  // Its own former name is free for it.
  const auto updated =
      recorded(*vault, [&](Change& c) { return c.update_secret(made->id, update); });
  ASSERT_TRUE(updated) << updated.error().message;
  EXPECT_EQ(updated->aliases, (std::vector<std::string>{"A", "b"}));
  EXPECT_FALSE(*read(*vault, [](Reader& r) { return r.secret_by_name({}, "c"); }));
}

TEST(Vault, RefusesWhatIsOverTheLimits) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto with_aliases = [](int count) {
    auto secret = named("A");
    for (int i = 0; i < count; ++i) secret.aliases.push_back("alias" + std::to_string(i));
    return secret;
  };
  struct Row {
    NewSecret secret;
    std::string value, marker;
  };
  auto bad_scope = named("A");
  bad_scope.scope = {Scope::Kind::group, "W", ""};
  const Row rows[] = {
      {named(" "), "x", "secret name is required"},
      {named(std::string(257, 'a')), "x", "1 to 256 bytes"},
      {named("a\nb"), "x", "control"},
      {named("\xFF"), "x", "UTF-8"},
      {named("__aivault_x"), "x", "reserved"},
      {named("A"), "", "must not be empty"},
      {named("A"), std::string(1'048'577, 'x'), "1048576"},
      {with_aliases(33), "x", "32 aliases"},
      {bad_scope, "x", "scope"},
  };
  for (const auto& row : rows) {
    const auto outcome = create(*vault, row.secret, row.value);
    ASSERT_FALSE(outcome) << row.marker;
    EXPECT_NE(outcome.error().message.find(row.marker), std::string::npos)
        << outcome.error().message;
  }
  const std::string largest(1'048'576, '\0');
  const auto made = create(*vault, with_aliases(32), largest);
  ASSERT_TRUE(made);
  EXPECT_EQ(open_globally(*vault, made->id)->value.text(Reveal{}), largest);
}

TEST(Vault, UndoesAChangeThatFails) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto before = read(*vault, [](Reader& r) -> Result<std::int64_t> { return r.counter(); });
  const auto outcome = change(*vault, [](Change& c) -> Result<void> {
    TRY(c.create_secret(named("A"), Secret::copy_of("x")));
    c.record(event_of("secret.create"));
    return invalid_request("record_invalid", "no");
  });
  EXPECT_EQ(message_of(outcome), "record_invalid: no");
  EXPECT_THROW((void)change(*vault,
                            [](Change& c) -> Result<void> {
                              TRY(c.create_secret(named("A"), Secret::copy_of("x")));
                              throw std::runtime_error("broken");
                            }),
               std::runtime_error);
  const auto unrecorded = change(*vault, [](Change& c) -> Result<void> {
    TRY(c.create_secret(named("A"), Secret::copy_of("x")));
    return {};
  });
  EXPECT_EQ(unrecorded.error().reason, "audit_unavailable");
  EXPECT_EQ(*read(*vault, [](Reader& r) -> Result<std::int64_t> { return r.counter(); }), *before);
  EXPECT_TRUE(create(*vault, named("A"), "x"));
}

TEST(Vault, ExpiresForGood) {
  const VaultPlace place;
  const auto vault = place.open();
  auto secret = named("A");
  secret.expires_at = now() + 1h;
  const auto id = create(*vault, secret, "x")->id;
  EXPECT_TRUE(open_globally(*vault, id));
  SecretUpdate update;
  update.expires_at = std::optional(now() - 1ms);
  ASSERT_TRUE(recorded(*vault, [&](Change& c) { return c.update_secret(id, update); }));
  EXPECT_EQ(message_of(open_globally(*vault, id)), "secret_expired: secret expired");
  update.expires_at = std::optional<UnixMs>();
  ASSERT_TRUE(recorded(*vault, [&](Change& c) { return c.update_secret(id, update); }));
  EXPECT_TRUE(open_globally(*vault, id));
}

TEST(Vault, OpensInTheRightContextOnly) {
  const VaultPlace place;
  const auto vault = place.open();
  auto secret = named("A");
  secret.scope = {Scope::Kind::workspace, "W", ""};
  const auto id = create(*vault, secret, "x")->id;
  EXPECT_TRUE(vault->open_secret(id, {"W", ""}, Opener::other));
  EXPECT_EQ(message_of(vault->open_secret(id, {}, Opener::other)),
            "secret_not_accessible: secret not accessible");
  EXPECT_EQ(message_of(open_globally(*vault, SecretId("00000000-0000-4000-8000-000000000000"))),
            "secret_missing: secret not found");
}

TEST(Vault, PinsOnceAndReseals) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "x")->id;
  SecretUpdate update;
  update.pinned_provider = "openai";
  const auto pin = [&] {
    return recorded(*vault, [&](Change& c) { return c.update_secret(id, update); });
  };
  EXPECT_EQ(pin()->pinned_provider, "openai");
  EXPECT_EQ(open_globally(*vault, id)->value.text(Reveal{}), "x");
  EXPECT_TRUE(pin());
  update.pinned_provider = "other";
  EXPECT_EQ(message_of(pin()), "record_invalid: pinned to provider openai");
}

TEST(Vault, ListsSecretsInPages) {
  const VaultPlace place;
  const auto vault = place.open();
  for (const char* name : {"d", "B", "a", "c"}) ASSERT_TRUE(create(*vault, named(name), "x"));
  auto elsewhere = named("e");
  elsewhere.scope = {Scope::Kind::workspace, "W", ""};
  ASSERT_TRUE(create(*vault, elsewhere, "x"));
  std::vector<std::string> names;
  std::vector<Problem> damaged;
  std::optional<Reader::After> after;
  while (true) {
    const auto page = read(*vault, [&](Reader& r) { return r.secrets({}, after, 2, damaged); });
    ASSERT_TRUE(page);
    for (const auto& record : *page) names.push_back(record.name);
    if (page->size() < 2) break;
    after = Reader::After{page->back().name, page->back().id.str()};
  }
  EXPECT_EQ(names, (std::vector<std::string>{"B", "a", "c", "d", "e"}));
  SecretFilter filter;
  filter.kind = Scope::Kind::workspace;
  EXPECT_EQ(
      read(*vault, [&](Reader& r) { return r.secrets(filter, std::nullopt, 9, damaged); })->size(),
      1U);
  filter.workspace = "V";
  EXPECT_EQ(
      read(*vault, [&](Reader& r) { return r.secrets(filter, std::nullopt, 9, damaged); })->size(),
      0U);
}

TEST(Vault, KeepsTheRowsOfOtherModules) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto secret = create(*vault, named("A"), "x")->id;
  CredentialRow credential;
  credential.id = credential.provider = "acme";
  credential.secret_id = secret;
  credential.body = R"({"hosts":["api.acme.test"]})";
  const auto stored = recorded(*vault, [&](Change& c) -> Result<void> {
    TRY(c.put(credential));
    TRY(c.put(CapabilityRow{"acme/items", "acme", Origin::operator_made, true, "{}", {}, {}}));
    TRY(c.put(PolicyRow{"acme/items", R"({"a":1})", {}}));
    return c.put(SettingRow{"registry", "{}", {}});
  });
  ASSERT_TRUE(stored) << stored.error().message;
  credential.enabled = false;
  ASSERT_TRUE(recorded(*vault, [&](Change& c) { return c.put(credential); }));
  std::vector<Problem> damaged;
  const auto all = read(*vault, [&](Reader& r) { return r.credentials(damaged); });
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->front().body, credential.body);
  EXPECT_FALSE(all->front().enabled);
  EXPECT_TRUE(damaged.empty());
  EXPECT_EQ(read(*vault, [&](Reader& r) { return r.credentials_of_secret(secret); })->size(), 1U);
  EXPECT_EQ((*read(*vault, [&](Reader& r) { return r.policy("acme/items"); }))->body, R"({"a":1})");
  EXPECT_TRUE(*recorded(*vault, [&](Change& c) { return c.remove_credential("acme"); }));
  EXPECT_FALSE(*recorded(*vault, [&](Change& c) { return c.remove_credential("acme"); }));
  CredentialRow malformed = credential;
  malformed.body = "{";
  EXPECT_EQ(recorded(*vault, [&](Change& c) { return c.put(malformed); }).error().reason,
            "record_invalid");
}

// A call must not make the modules above build their snapshot again.
TEST(Vault, CountsChangesButNotCalls) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "x")->id;
  const auto before = *vault->change_counter();
  ASSERT_TRUE(record_and_wait(*vault, event_of("capability.invoke")));
  ASSERT_TRUE(open_globally(*vault, id));
  EXPECT_EQ(*vault->change_counter(), before);
  ASSERT_TRUE(create(*vault, named("B"), "x"));
  EXPECT_GT(*vault->change_counter(), before);
}

TEST(Vault, RemembersWhenASecretWasUsed) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "x")->id;
  EXPECT_FALSE((*find(*vault, id))->last_used_at);
  ASSERT_TRUE(open_globally(*vault, id));
  for (int i = 0; i < 40 && !(*find(*vault, id))->last_used_at; ++i) {
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_TRUE((*find(*vault, id))->last_used_at);
}

TEST(Vault, WritesNoCallsWhenTheyAreDisabled) {
  const VaultPlace place;
  auto options = place.options();
  options.call_records = CallRecords::disabled;
  const auto vault = *Vault::open_or_create(options);
  EXPECT_TRUE(record_and_wait(*vault, event_of("capability.invoke")));
  EXPECT_TRUE(create(*vault, named("A"), "x"));
  vault->flush();
  const auto records = read(*vault, [](Reader& r) { return r.audit({}); });
  ASSERT_TRUE(records);
  std::vector<std::string> kinds;
  for (const auto& record : *records) kinds.push_back(record.event.kind);
  std::ranges::sort(kinds);
  EXPECT_EQ(kinds, (std::vector<std::string>{"audit.disabled", "secret.create", "vault.init"}));
}

TEST(Vault, NotesThatCallsAreNotRecordedWithTheFirstOfThem) {
  const VaultPlace place;
  auto options = place.options();
  options.call_records = CallRecords::disabled;
  const auto notes = [](Vault& vault) {
    vault.flush();
    return std::ranges::count(*read(vault, [](Reader& r) { return r.audit({}); }),
                              "audit.disabled",
                              [](const audit::Record& record) { return record.event.kind; });
  };
  {
    const auto vault = *Vault::open_or_create(options);
    EXPECT_EQ(notes(*vault), 0);  // Looking writes nothing.
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(record_and_wait(*vault, event_of("capability.invoke")));
    EXPECT_EQ(notes(*vault), 1);
  }
  const auto again = *Vault::open_or_create(options);
  EXPECT_EQ(notes(*again), 1);
}

TEST(Vault, SharesOneCommitBetweenManyRecords) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto counter = [&] {
    return *read(*vault, [](Reader& r) -> Result<std::int64_t> { return r.counter(); });
  };
  const auto before = counter();
  for (int i = 0; i < 2000; ++i) vault->record(event_of("capability.invoke"), nullptr);
  vault->flush();
  EXPECT_LT(counter() - before, 400);
  const auto verified = vault->verify_audit(std::nullopt);
  EXPECT_TRUE(verified->ok);
  EXPECT_EQ(verified->events, 2001);
}

TEST(Vault, ClosesCallsOfADeadProcess) {
  const VaultPlace place;
  const auto call = [](const char* id, const char* outcome) {
    auto event = event_of("capability.invoke");
    event.request_id = id;
    event.outcome = outcome;
    event.host = "api.acme.test";
    return event;
  };
  {
    const auto vault = place.open();
    ASSERT_TRUE(record_and_wait(*vault, call("one", "started")));
    ASSERT_TRUE(record_and_wait(*vault, call("two", "started")));
    ASSERT_TRUE(record_and_wait(*vault, call("one", "ok")));
  }
  const auto vault = place.open();
  const auto second = place.open();  // While another has it open, nothing is closed.
  ASSERT_TRUE(record_and_wait(*vault, call("three", "started")));
  second->flush();
  const auto third = place.open();
  third->flush();
  audit::Filter filter;
  filter.outcome = "error";
  std::vector<audit::Record> records;
  for (int i = 0; i < 50 && records.empty(); ++i) {
    records = *read(*vault, [&](Reader& r) { return r.audit(filter); });
    std::this_thread::sleep_for(20ms);
  }
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].event.request_id, "two");
  EXPECT_EQ(records[0].event.reason, "internal");
  EXPECT_EQ(records[0].event.host, "api.acme.test");
}

// Whichever side of a commit a snapshot is on, its rows are the right ones.
TEST(Vault, ReadersNeverTakeACommitForTampering) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto other = place.open();
  const auto id = create(*vault, named("A"), "1")->id;
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::vector<std::string> errors;
  std::mutex guard;
  const auto expect = [&](const auto& result) {
    if (result) return;
    const std::lock_guard lock(guard);
    errors.push_back(message_of(result));
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      auto& mine = i == 2 ? *other : *vault;
      while (!stop) {
        expect(open_globally(mine, id));
        expect(mine.change_counter());
        expect(mine.read([&](Reader& r) -> Result<void> {
          TRY_ASSIGN(const auto before, r.secret(id));
          std::vector<Problem> damaged;
          TRY_ASSIGN(const auto all, r.secrets({}, std::nullopt, 100, damaged));
          TRY(r.credentials(damaged));
          if (!damaged.empty()) return invalid_request("damaged", damaged[0].message);
          // All of one moment.
          if (all[0].value_version != before->value_version) return invalid_request("torn", "");
          return {};
        }));
        ++reads;
      }
    });
  }
  for (int i = 0; i < 60; ++i) {
    expect(recorded(*vault, [&](Change& c) -> Result<void> {
      TRY(c.rotate_secret(id, Secret::copy_of(std::to_string(i)), std::nullopt));
      CredentialRow credential;
      credential.id = credential.provider = "acme" + std::to_string(i % 3);
      if (i % 2 == 0) return c.put(credential);
      TRY(c.remove_credential(credential.id));
      return {};
    }));
    vault->record(event_of("capability.invoke"), nullptr);
    if (i % 10 == 0) expect(create(*other, named("B" + std::to_string(i)), "x"));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_GT(reads, 3);
  EXPECT_TRUE(errors.empty()) << errors[0];
  EXPECT_TRUE(vault->problems().empty());
  EXPECT_TRUE(other->problems().empty());
}

TEST(Vault, SeesTheChangesOfAnother) {
  const VaultPlace place;
  const auto one = place.open();
  const auto two = place.open();
  const auto before = *two->change_counter();
  const auto id = create(*one, named("A"), "first")->id;
  EXPECT_EQ(open_globally(*two, id)->value.text(Reveal{}), "first");
  EXPECT_GT(*two->change_counter(), before);
  ASSERT_TRUE(recorded(*two, [&](Change& c) {
    return c.rotate_secret(id, Secret::copy_of("second"), std::nullopt);
  }));
  EXPECT_EQ(open_globally(*one, id)->value.text(Reveal{}), "second");
  EXPECT_EQ(message_of(create(*two, named("A"), "x")), "exists: secret name 'A' already exists");
  // Calls of the other process are no reason for a new snapshot.
  const auto settled = *two->change_counter();
  ASSERT_TRUE(record_and_wait(*one, event_of("capability.invoke")));
  EXPECT_EQ(*two->change_counter(), settled);
  EXPECT_TRUE(two->verify_audit(std::nullopt)->ok);
}

TEST(Vault, StopsServingAnotherOrAnOlderFile) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "x")->id;
  std::filesystem::copy_file(place.database(), place.base() + "/copy");
  std::filesystem::rename(place.base() + "/copy", place.database());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(open_globally(*vault, id).error().reason, "row_integrity");
    EXPECT_EQ(vault->change_counter().error().reason, "row_integrity");
    EXPECT_EQ(create(*vault, named("B"), "x").error().reason, "row_integrity");
    EXPECT_EQ(record_and_wait(*vault, event_of("capability.invoke")).error().reason,
              "audit_unavailable");
  }
}

ProviderChoice in_file(std::string path) {
  ProviderChoice choice;
  choice.file_path = std::move(path);
  return choice;
}

TEST(Init, AdoptsAKeyFileAndRefusesAnythingElse) {
  const VaultPlace place;
  const auto write_key = [&](const std::string& text, mode_t mode) {
    std::filesystem::create_directories(place.base() + "/keys");
    ::chmod((place.base() + "/keys").c_str(), 0700);
    std::filesystem::remove(place.key_file());
    std::ofstream(place.key_file()) << text;
    ::chmod(place.key_file().c_str(), mode);
  };
  std::string key(32, '\0');
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(i);
  write_key("not a key", 0600);
  EXPECT_EQ(Vault::init(place.options(), {}).error().reason, "key_unavailable");
  EXPECT_FALSE(Vault::exists(place.options().location));
  write_key(base64(bytes_of(key)), 0640);
  const auto unsafe = Vault::init(place.options(), {});
  EXPECT_EQ(unsafe.error().reason, "key_unavailable");
  EXPECT_NE(unsafe.error().message.find("chmod 600"), std::string::npos);
  write_key(base64(bytes_of(key)) + "\n", 0600);
  const auto made = Vault::init(place.options(), {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->kek_id, "b3cfc715bcefe862184b48f3edf07dc69ecf3b0fe21388eb42ca4259f97f8567");
  EXPECT_EQ(made->provider_type, "file");
}

TEST(Init, RekeysAVaultThatNeverHeldAnything) {
  const VaultPlace place;
  const auto old_key = place.open()->status().kek_id;
  const auto running = place.open();
  const auto moved = Vault::init(place.options(), in_file(place.base() + "/other/k.key"));
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_NE(moved->kek_id, old_key);
  // Who had it open loads the new key by itself.
  const auto record = create(*running, named("A"), "x");
  ASSERT_TRUE(record) << message_of(record);
  EXPECT_EQ(running->status().kek_id, moved->kek_id);
  EXPECT_TRUE(running->verify_audit(std::nullopt)->ok);
  // It is in use now, and stays as it is: whatever is asked for, and if it is what it has.
  const auto same = Vault::init(place.options(), in_file(place.base() + "/other/k.key"));
  ASSERT_FALSE(same);
  EXPECT_EQ(same.error().reason, "exists");
  ProviderChoice unset;
  unset.kind = ProviderChoice::Kind::env;
  unset.env_var = "AIVAULT_NO_SUCH_KEY";
  EXPECT_EQ(Vault::init(place.options(), unset).error().reason, "exists");
  const auto again = Vault::init(place.options(), {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, "exists");
  EXPECT_EQ(again.error().message, "vault already initialized at '" + place.root() + "'");
}

TEST(Init, LeavesTheKeyFileThatAnotherVaultMayHaveAdopted) {
  const VaultPlace place, other;
  place.open();
  ASSERT_TRUE(Vault::init(other.options(), in_file(place.key_file())));
  const auto id = create(*Vault::open(other.options()).value(), named("A"), "x")->id;
  ASSERT_TRUE(Vault::init(place.options(), in_file(place.base() + "/other/k.key")));
  const auto reopened = Vault::open(other.options());
  ASSERT_TRUE(reopened) << reopened.error().message;
  EXPECT_TRUE(open_globally(**reopened, id));
  const auto records = read(*place.open(), [](Reader& r) { return r.audit({}); });
  ASSERT_TRUE(records);
  EXPECT_TRUE(records->front().event.note.ends_with("; left in place: '" + place.key_file() + "'"))
      << records->front().event.note;
}

TEST(Open, SaysWhatIsWrongWithTheKeyAndChangesNothing) {
  const VaultPlace place;
  const auto id = create(*place.open(), named("A"), "x")->id;
  const auto key = place.key_file();
  const auto reason = [&] {
    const auto vault = Vault::open_or_create(place.options());
    return vault ? std::string("opened") : vault.error().reason;
  };
  std::filesystem::rename(key, key + ".aside");
  EXPECT_EQ(reason(), "key_unavailable");
  EXPECT_FALSE(std::filesystem::exists(key));  // Never made again.
  std::filesystem::create_symlink(key + ".aside", key);
  EXPECT_EQ(reason(), "key_unavailable");
  std::filesystem::remove(key);
  std::ofstream(key) << "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  EXPECT_EQ(reason(), "key_unavailable");  // Its mode.
  ::chmod(key.c_str(), 0600);
  EXPECT_EQ(reason(), "wrong_key");
  const auto wrong = Vault::open(place.options());
  EXPECT_NE(wrong.error().message.find("b3cfc715bcef"), std::string::npos);
  EXPECT_NE(wrong.error().message.find("(decrypt failed)"), std::string::npos);
  std::filesystem::rename(key + ".aside", key);
  EXPECT_TRUE(open_globally(*place.open(), id));
}

TEST(Open, RefusesUnsafeDirectoriesAndFiles) {
  const VaultPlace place;
  place.open();
  const auto root = place.root();
  const auto error = [&] {
    const auto vault = Vault::open(place.options());
    return vault ? std::string("opened") : vault.error().reason + ": " + vault.error().message;
  };
  ::chmod(root.c_str(), 0770);
  EXPECT_NE(error().find("unsafe_path: unsafe directory"), std::string::npos) << error();
  EXPECT_NE(error().find("chmod 700"), std::string::npos);
  ::chmod(root.c_str(), 0755);
  EXPECT_EQ(error(), "opened");
  struct stat facts{};
  ASSERT_EQ(::stat(root.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0700U);  // Merely readable: tightened.

  ::chmod(place.database().c_str(), 0622);
  EXPECT_NE(error().find("unsafe file"), std::string::npos) << error();
  ::chmod(place.database().c_str(), 0644);
  EXPECT_EQ(error(), "opened");
  ASSERT_EQ(::stat(place.database().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600U);

  for (const char* name : {"vault.db", "vault.json", "vault.lock"}) {
    const auto path = root + "/" + name;
    std::filesystem::rename(path, place.base() + "/moved");
    std::filesystem::create_symlink(place.base() + "/moved", path);
    EXPECT_NE(error().find("unsafe file"), std::string::npos) << name << error();
    std::filesystem::remove(path);
    std::filesystem::create_hard_link(place.base() + "/moved", path);
    EXPECT_NE(error().find("unsafe file"), std::string::npos) << name << error();
    std::filesystem::remove(path);
    std::filesystem::rename(place.base() + "/moved", path);
  }
  EXPECT_EQ(error(), "opened");
}

TEST(Open, RewritesAHeaderThatIsGoneOrDiffers) {
  const VaultPlace place;
  place.open();
  const auto header = place.root() + "/vault.json";
  const auto content = [&] {
    std::ifstream file(header);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const auto right = content();
  EXPECT_NE(right.find("\"format\": \"aivault\""), std::string::npos) << right;
  std::filesystem::remove(header);
  place.open();
  EXPECT_EQ(content(), right);
  std::ofstream(header) << "{\"version\":2,\"pro";
  place.open();
  EXPECT_EQ(content(), right);
  std::ofstream(header) << "{\"version\":3}";
  EXPECT_EQ(Vault::open(place.options()).error().reason, "newer_format");
}

TEST(Open, TakesAHeaderWithoutADatabaseForDamage) {
  const VaultPlace place;
  EXPECT_EQ(Vault::open(place.options()).error().reason, "not_initialised");
  place.open();
  std::filesystem::remove(place.database());
  EXPECT_EQ(Vault::open_or_create(place.options()).error().reason, "damaged");
  EXPECT_FALSE(std::filesystem::exists(place.database()));
  std::filesystem::remove(place.root() + "/vault.json");
  std::ofstream(place.root() + "/vault.json") << "{\"version\":1}";
  EXPECT_EQ(Vault::open_or_create(place.options()).error().reason, "old_format");
}

TEST(Open, RemovesLeftoversOfDeadProcessesOnly) {
  const VaultPlace place;
  place.open();
  const auto dead = place.root() + "/vault.json.tmp.999999999.0011223344556677";
  const auto alive =
      place.root() + "/vault.json.tmp." + std::to_string(::getpid()) + ".0011223344556677";
  std::ofstream(dead) << "x";
  std::ofstream(alive) << "x";
  place.open();
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(alive));
}

TEST(Slot, CreatesOnceAndSeesAVaultMadeMeanwhile) {
  const VaultPlace place;
  Slot slot(place.options());
  EXPECT_EQ(slot.get().error().message, "vault not enabled");
  EXPECT_EQ(slot.peek(), nullptr);
  place.open();
  const auto opened = slot.get();
  ASSERT_TRUE(opened);
  EXPECT_EQ(*slot.get_or_create(), *opened);
  slot.close();
  EXPECT_EQ(slot.peek(), nullptr);
}

TEST(Examine, NamesWhatIsWrong) {
  const VaultPlace place;
  place.open();
  ::chmod(place.key_file().c_str(), 0644);
  bool found = false;
  for (const auto& check : Vault::examine_closed(place.options())) {
    if (check.id != "key-file-mode") continue;
    found = true;
    EXPECT_EQ(check.state, Vault::Check::State::fail);
    EXPECT_EQ(check.detail, "mode 0644");
    EXPECT_EQ(check.hint, "chmod 600 " + place.key_file());
  }
  EXPECT_TRUE(found);
}

// "<id>: <hint>" of the checks that fail, in order.
std::vector<std::string> hints_of(const VaultPlace& place) {
  std::vector<std::string> hints;
  for (const auto& check : Vault::examine_closed(place.options())) {
    if (check.state == Vault::Check::State::fail) hints.push_back(check.id + ": " + check.hint);
  }
  return hints;
}

TEST(Examine, HintsAtWhatHelps) {
  using Texts = std::vector<std::string>;
  const VaultPlace place;
  EXPECT_TRUE(
      Vault::examine_closed(place.options()).front().detail.starts_with("vault not enabled"));
  place.open();
  const auto root = place.root();
  ::chmod(root.c_str(), 0777);
  const auto open_up = "chmod 700 '" + root + "'";
  EXPECT_EQ(hints_of(place), (Texts{"vault-directory: " + open_up, "database: " + open_up}));
  ::chmod(root.c_str(), 0700);
  const auto key = place.key_file();
  ::chmod(key.c_str(), 0644);
  EXPECT_EQ(hints_of(place),
            (Texts{"key-file-mode: chmod 600 " + key,
                   "key-provider: chmod 600 " + key,
                   "kek-check: chmod 600 " + key}));
  std::filesystem::remove(key);
  const std::string back =
      "put the key file back, or run `aivault restore` with a backup; without it the vault cannot "
      "be "
      "opened";
  EXPECT_EQ(hints_of(place),
            (Texts{"key-file-mode: " + back, "key-provider: " + back, "kek-check: " + back}));
  std::ofstream(key) << std::string(64, '1');
  ::chmod(key.c_str(), 0600);
  const std::string own =
      "put the vault's own key file back, or run `aivault restore` with a backup";
  EXPECT_EQ(hints_of(place), (Texts{"key-provider: " + own, "kek-check: " + own}));
  std::filesystem::remove(key);
  std::filesystem::create_symlink("/nonexistent/key", key);
  for (const auto& check : Vault::examine_closed(place.options())) {
    if (check.id == "key-file-mode") EXPECT_EQ(check.detail, key + " is a symbolic link");
  }
}

TEST(Examine, NamesTheImportForAVaultOfFormat1) {
  const VaultPlace place;
  std::filesystem::create_directories(place.root());
  ::chmod(place.root().c_str(), 0700);
  std::ofstream(place.root() + "/vault.json") << R"({"version":1})";
  ::chmod((place.root() + "/vault.json").c_str(), 0600);
  EXPECT_EQ(hints_of(place),
            std::vector<std::string>({"database: aivault import --from '" + place.root() + "'"}));
}

TEST(Vault, TellsWhatItsHeaderClaims) {
  const VaultPlace place;
  EXPECT_FALSE(Vault::claimed_status(place.options().location).enabled);
  const auto kek = place.open()->status().kek_id;
  std::filesystem::remove(place.key_file());
  const auto claimed = Vault::claimed_status(place.options().location);
  EXPECT_TRUE(claimed.enabled);
  EXPECT_TRUE(claimed.locked);
  EXPECT_EQ(claimed.provider_type, "file");
  EXPECT_EQ(claimed.kek_id, kek);
  std::ofstream(place.root() + "/vault.json") << R"({"provider":[],"kekId":"nonsense"})";
  EXPECT_EQ(Vault::claimed_status(place.options().location).kek_id, std::nullopt);
}

}  // namespace
}  // namespace aivault::vault
