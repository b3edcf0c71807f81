#include "platform/places.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "platform/users.h"

namespace aivault::platform {
namespace {

using Variables = std::map<std::string, std::string>;

Places found(Variables variables) {
  auto places = find_places(Environment(std::move(variables)));
  EXPECT_TRUE(places.has_value());
  return places.value_or(Places{});
}

std::string own_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "aivault-places.XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  return name;
}

TEST(Places, AreBelowTheHomeDirectory) {
  const std::string home = own_directory();
  const Places places = found({{"HOME", home + "/"}});
  EXPECT_EQ(places.vault_root, home + "/.aivault/data/vault");
  EXPECT_EQ(places.default_key_file, home + "/.aivault/keys/kek.key");
  EXPECT_EQ(places.user_socket, home + "/.aivault/run/aivaultd.sock");
  EXPECT_EQ(places.shared_socket, "/var/run/aivault/aivaultd.sock");
  EXPECT_FALSE(places.own_directory);
  std::filesystem::remove(home);
}

TEST(Places, AreInAivaultDirIfThatIsSet) {
  const Places places = found({{"AIVAULT_DIR", "/d/v/"}, {"AIVAULTD_SHARED_SOCKET", "/s/x.sock"}});
  EXPECT_EQ(places.vault_root, "/d/v");
  EXPECT_EQ(places.default_key_file, "/d/v/kek.key");
  EXPECT_EQ(places.user_socket, "/d/v/run/aivaultd.sock");
  EXPECT_EQ(places.shared_socket, "/s/x.sock");
  EXPECT_TRUE(places.own_directory);
}

TEST(HomeDirectory, IsThePasswordEntryUnlessHomeIsAbsoluteAndOurs) {
  const auto entry = user_of(::geteuid());
  ASSERT_TRUE(entry.has_value());
  const std::string other = ::geteuid() == 0 ? "/proc/1/fd/none" : "/";
  for (const Variables& variables : {Variables{},
                                     Variables{{"HOME", "relative"}},
                                     Variables{{"HOME", other}},
                                     Variables{{"HOME", "/nonexistent/home"}}}) {
    EXPECT_EQ(home_directory(Environment(variables)), entry->home);
  }
}

}  // namespace
}  // namespace aivault::platform
