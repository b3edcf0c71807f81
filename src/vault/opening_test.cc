// Making a vault, opening it, and what is said where that is impossible.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "testing/vault_place.h"
#include "vault/slot.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using aivault::testing::content;
using aivault::testing::create;
using aivault::testing::find;
using aivault::testing::message_of;
using aivault::testing::named;
using aivault::testing::open_globally;
using aivault::testing::VaultPlace;

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
