#include "base/secret.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/guarded_blocks.h"
#include "base/reveal.h"
#include "base/secret_memory.h"
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
    // NOLINTNEXTLINE(readability-container-size-empty): the comparison is what is tested.
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

TEST(SecretDeathTest, IsNotReadableBeyondItsEndInMemoryThatWasUsedBefore) {
  {
    const auto longer = Secret::copy_of("a longer key");
  }
  const auto secret = Secret::copy_of("key");
  const volatile auto* beyond = secret.bytes(Reveal()).data() + secret.size();
  EXPECT_DEATH(static_cast<void>(*beyond), "");
}

TEST(Secret, LeavesNothingInMemoryThatIsUsedAgain) {
  for (const std::size_t size : std::vector<std::size_t>{1, 63, 64, 65, 500, 5000, 20000}) {
    const std::byte* before = nullptr;
    {
      const auto secret = Secret::copy_of(std::string(size, 'k'));
      before = secret.bytes(Reveal()).data();
    }
    std::string other(size, 'o');
    const auto next = Secret::join({other});
    if (next.bytes(Reveal()).data() == before) {
      EXPECT_EQ(next.text(Reveal()), other);
    }
    const auto blank = Secret::zeroed(size);
    EXPECT_EQ(blank.text(Reveal()), std::string(size, '\0'));
  }
}

TEST(Secret, SharesNoMemoryWithAnotherThatLives) {
  std::vector<Secret> secrets;
  for (int i = 0; i < 200; ++i) secrets.push_back(Secret::copy_of("key " + std::to_string(i)));
  for (int i = 0; i < 200; i += 2) secrets[static_cast<std::size_t>(i)] = Secret();
  for (int i = 0; i < 200; i += 2) {
    secrets[static_cast<std::size_t>(i)] = Secret::copy_of("new " + std::to_string(i));
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(secrets[static_cast<std::size_t>(i)].text(Reveal()),
              (i % 2 == 0 ? "new " : "key ") + std::to_string(i));
  }
}

TEST(Wipe, ClearsTheWholeCapacity) {
  std::string text(100, 'k');
  text.resize(3);
  const auto* bytes = text.data();
  wipe(text);
  EXPECT_TRUE(text.empty());
  for (int i = 1; i < 100; ++i) ASSERT_EQ(bytes[i], '\0') << i;
}

// Permissions and what follows them of the line of /proc/self/maps that holds the address.
std::string mapping_of(const std::byte* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/maps");
  std::uintptr_t first = 0, last = 0;
  char dash = 0;
  for (std::string rest; maps >> std::hex >> first >> dash >> last && std::getline(maps, rest);) {
    if (first <= wanted && wanted < last) return rest.substr(1);
  }
  return "nothing";
}

bool is_secret(const std::byte* address) {
  return mapping_of(address).find("/secretmem") != std::string::npos;
}

// Asked of the kernel itself: a program that does not use what is there must not pass.
bool has_secret_memory() {
  const auto made = static_cast<int>(::syscall(SYS_memfd_secret, O_CLOEXEC));
  if (made >= 0) ::close(made);
  return made >= 0;
}

TEST(SecretMemoryDeathTest, EndsAProgramThatWroteBeforeABlockWhereTheKernelHasIt) {
  if (!has_secret_memory()) GTEST_SKIP() << "this kernel has no memfd_secret(2)";
  const auto write_before = [] {
    auto* block = guarded::map_secret_memory(64);
    if (block == nullptr) ::_exit(1);
    block[-1] = std::byte{1};
    guarded::unmap_secret_memory(block, 64);
    ::_exit(0);
  };
  EXPECT_EXIT(write_before(), testing::KilledBySignal(SIGABRT), "");
}

// Run last: what it prefers holds for the rest of the process.
TEST(SecretMemory, IsUsedWhereTheKernelHasIt) {
  if (!has_secret_memory()) GTEST_SKIP() << "this kernel has no memfd_secret(2)";
  auto before = Secret::copy_of(std::string_view("of the time before"));
  guarded::prefer_secret_memory();
  ASSERT_TRUE(guarded::is_secret_memory());
  std::vector<Secret> secrets;
  for (const std::size_t size : {1U, 63U, 64U, 65U, 4096U, 4097U, 16384U, 16385U, 100000U}) {
    auto secret = Secret::zeroed(size);
    const auto bytes = secret.writable(Reveal());
    std::ranges::fill(bytes, std::byte{0x5a});
    EXPECT_TRUE(is_secret(bytes.data()) && is_secret(bytes.data() + bytes.size() - 1)) << size;
    // The next byte belongs to the guard page.
    EXPECT_EQ(mapping_of(bytes.data() + bytes.size()).substr(0, 4), "---p") << size;
    EXPECT_TRUE(secret.clone() == secret);
    secrets.push_back(std::move(secret));
  }
  EXPECT_EQ(before.text(Reveal()), "of the time before");
  before = Secret();
  secrets.clear();
  EXPECT_TRUE(guarded::is_secret_memory());
}

}  // namespace
}  // namespace aivault
