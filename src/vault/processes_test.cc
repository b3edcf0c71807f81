// Several processes with one vault: first starts, writers side by side, kills at any moment.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <thread>
#include <vector>

#include "base/encoding.h"
#include "base/reveal.h"
#include "testing/vault_place.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::record_and_wait;
using aivault::testing::VaultPlace;

// A child process whose lines come back over a pipe.
class Child {
 public:
  explicit Child(const std::function<void(int output)>& work) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      work(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    input_ = ends[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::close(input_);
    ::waitpid(pid_, nullptr, 0);
  }
  void kill() const { ::kill(pid_, SIGKILL); }
  std::string read_all() const {
    std::string out;
    std::array<char, 4096> buffer{};
    ssize_t got = 0;
    while ((got = ::read(input_, buffer.data(), buffer.size())) > 0) {
      out.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return out;
  }

 private:
  pid_t pid_ = 0;
  int input_ = -1;
};

void say(int output, const std::string& text) {
  if (::write(output, text.data(), text.size()) < 0) ::_exit(1);
}

TEST(Processes, AHundredFirstStartsGiveOneVault) {
  const VaultPlace place;
  std::vector<std::unique_ptr<Child>> children;
  std::array<int, 2> gate{};
  ASSERT_EQ(::pipe(gate.data()), 0);
  for (int i = 0; i < 100; ++i) {
    children.push_back(std::make_unique<Child>([&](int output) {
      ::close(gate[1]);
      char unused = 0;
      (void)!::read(gate[0], &unused, 1);  // Until the parent opens the gate for all.
      auto vault = Vault::open_or_create(place.options());
      say(output, vault ? *(*vault)->status().kek_id : vault.error().message);
    }));
  }
  ::close(gate[0]);
  ::close(gate[1]);
  std::set<std::string> answers;
  for (const auto& child : children) answers.insert(child->read_all());
  children.clear();
  ASSERT_EQ(answers.size(), 1U) << *answers.begin() << " and " << *answers.rbegin();
  EXPECT_EQ(answers.begin()->size(), 64U) << *answers.begin();
  const auto vault = place.open();
  EXPECT_EQ(*answers.begin(), vault->status().kek_id);
  audit::Filter inits;
  inits.kinds = {"vault.init"};
  EXPECT_EQ(read(*vault, [&](Reader& r) { return r.audit(inits); })->size(), 1U);
  EXPECT_TRUE(vault->verify_audit(std::nullopt)->ok);
}

TEST(Processes, WriteSideBySide) {
  const VaultPlace place;
  place.open();
  constexpr int kEach = 40;
  std::vector<std::unique_ptr<Child>> children;
  for (const char* prefix : {"a", "b", "c"}) {
    children.push_back(std::make_unique<Child>([&](int output) {
      const auto vault = place.open();
      for (int i = 0; i < kEach; ++i) {
        const auto made = create(*vault, named(prefix + std::to_string(i)), "value");
        if (!made) say(output, made.error().message + "\n");
        const auto recorded = record_and_wait(*vault, event_of("capability.invoke"));
        if (!recorded) say(output, recorded.error().message + "\n");
        const auto opened = vault->open_secret(made->id, {}, Opener::other);
        if (!opened) say(output, opened.error().message + "\n");
      }
    }));
  }
  for (const auto& child : children) EXPECT_EQ(child->read_all(), "");
  children.clear();
  const auto vault = place.open();
  EXPECT_EQ(read(*vault,
                 [](Reader& r) {
                   std::vector<Problem> damaged;
                   return r.secrets({}, std::nullopt, 1000, damaged);
                 })
                ->size(),
            3U * kEach);
  const auto verified = vault->verify_audit(std::nullopt);
  EXPECT_TRUE(verified->ok);
  EXPECT_EQ(verified->events, 1 + 2 * 3 * kEach);
}

TEST(Processes, AKillLosesNothingThatWasAcknowledged) {
  const VaultPlace place;
  place.open();
  std::set<std::string> acknowledged;
  for (int round = 0; round < 12; ++round) {
    const Child child([&](int output) {
      const auto vault = place.open();
      for (int i = 0;; ++i) {
        const auto name = std::to_string(round) + "-" + std::to_string(i);
        const auto made = create(*vault, named(name), "first");
        if (!made) say(output, "error " + made.error().message + "\n");
        const auto rotated = change(*vault, [&](Change& c) -> Result<void> {
          TRY(c.rotate_secret(made->id, Secret::copy_of(name), 1));
          c.record(event_of("secret.rotate"));
          return {};
        });
        if (rotated) say(output, name + "\n");
        vault->record(event_of("capability.invoke"), nullptr);
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(60 + 37 * round));
    child.kill();
    const auto lines = child.read_all();
    EXPECT_EQ(lines.find("error"), std::string::npos) << lines;
    for (std::size_t at = 0; at < lines.size();) {
      const auto end = std::min(lines.find('\n', at), lines.size());
      acknowledged.insert(lines.substr(at, end - at));
      at = end + 1;
    }
    const auto vault = place.open();
    EXPECT_TRUE(vault->verify_audit(std::nullopt)->ok);
    for (const auto& check : vault->examine()) {
      EXPECT_EQ(check.state, Vault::Check::State::ok) << check.id << ": " << check.detail;
    }
    for (const auto& name : acknowledged) {
      const auto found = read(*vault, [&](Reader& r) { return r.secret_by_name({}, name); });
      ASSERT_TRUE(found && *found) << name;
      const auto opened = vault->open_secret((*found)->id, {}, Opener::other);
      ASSERT_TRUE(opened) << opened.error().message;
      EXPECT_EQ(opened->value.text(Reveal{}), name);
    }
  }
  EXPECT_FALSE(acknowledged.empty());
}

TEST(Processes, AKillWhileAVaultIsMadeLeavesNoneOrAWholeOne) {
  for (int round = 0; round < 20; ++round) {
    const VaultPlace place;
    const Child child([&](int output) {
      place.open();
      say(output, "made");
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(3 * round));
    child.kill();
    child.read_all();
    const auto vault = Vault::open_or_create(place.options());
    ASSERT_TRUE(vault) << round << ": " << vault.error().message;
    EXPECT_TRUE((*vault)->verify_audit(std::nullopt)->ok);
  }
}

// A full disk, played by a limit on the size of files.
void limit_files(rlim_t bytes) {
  struct rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

TEST(Processes, AFullDiskRefusesCallsUntilItIsNot) {
  const VaultPlace place;
  place.open();
  const Child child([&](int output) {
    ::signal(SIGXFSZ, SIG_IGN);
    const auto call = [](const char* outcome) {
      auto event = event_of("capability.invoke");
      event.outcome = outcome;
      event.request_id = "r";
      return event;
    };
    const auto vault = place.open();
    const auto expect = [&](bool held, const char* what) {
      if (!held) say(output, std::string(what) + "\n");
    };
    expect(record_and_wait(*vault, call("started")).has_value(), "started before");
    limit_files(4096);
    const auto refused = record_and_wait(*vault, call("started"));
    expect(!refused && refused.error().reason == "audit_unavailable", "started is refused");
    std::atomic<bool> ended = false;
    vault->record(call("ok"), [&](const Result<void>& done) { ended = done.has_value(); });
    vault->flush();
    expect(!ended, "the end waits");
    const auto made = create(*vault, named("A"), "x");
    expect(!made && made.error().reason == "not_writable", "create is refused");
    expect(!vault->status().writable, "status");
    limit_files(RLIM_INFINITY);
    expect(create(*vault, named("A"), "x").has_value(), "create works again");
    expect(record_and_wait(*vault, call("started")).has_value(), "started works again");
    expect(ended, "the end is written");
    expect(vault->verify_audit(std::nullopt)->ok, "the chain holds");
    const auto records = read(*vault, [](Reader& r) { return r.audit({}); });
    const auto count = [&](const char* kind, const char* outcome) {
      return std::ranges::count_if(*records, [&](const audit::Record& record) {
        return record.event.kind == kind && record.event.outcome == outcome;
      });
    };
    expect(count("audit.gap", "") == 1, "one gap");
    expect(count("capability.invoke", "ok") == 1, "one end");
    expect(count("capability.invoke", "started") == 2, "two starts");
  });
  EXPECT_EQ(child.read_all(), "");
}

std::string all_bytes_below(const std::string& directory) {
  std::string bytes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
    bytes += entry.path().string();
  }
  return bytes;
}

TEST(Secrets, AreInNoFileInAnyForm) {
  const VaultPlace place;
  const std::string values[] = {"sk-first-8d2f6c1b9e4a7053d1c2", "sk-second-1f7a3b5d9c2e8064af31"};
  const auto vault = place.open();
  const auto expect_none = [&] {
    const auto bytes = all_bytes_below(place.base());
    ASSERT_GT(bytes.size(), 4096U);
    for (const auto& value : values) {
      EXPECT_EQ(bytes.find(value), std::string::npos);
      EXPECT_EQ(bytes.find(hex(bytes_of(value))), std::string::npos);
      for (std::size_t shift = 0; shift < 3; ++shift) {
        const auto encoded = base64(bytes_of(value.substr(shift)));
        EXPECT_EQ(bytes.find(encoded.substr(0, encoded.size() - 4)), std::string::npos);
      }
    }
  };
  const auto id = create(*vault, named("A"), values[0])->id;
  expect_none();
  ASSERT_TRUE(vault->open_secret(id, {}, Opener::other));
  ASSERT_TRUE(change(*vault, [&](Change& c) -> Result<void> {
    TRY(c.rotate_secret(id, Secret::copy_of(values[1]), std::nullopt));
    c.record(event_of("secret.rotate"));
    return {};
  }));
  expect_none();
  ASSERT_TRUE(change(*vault, [&](Change& c) -> Result<void> {
    TRY(c.revoke_secret(id));
    c.record(event_of("secret.revoke"));
    return {};
  }));
  expect_none();
}

// What a rotate or delete destroyed is gone from the files, the write-ahead log included.
TEST(Secrets, LeaveNoCiphertextBehindWhenTheyAreRevoked) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), std::string(300'000, 'x'))->id;
  const auto size = [&] {
    std::error_code none;
    const auto bytes = std::filesystem::file_size(place.root() + "/vault.db-wal", none);
    return none ? 0 : bytes;
  };
  EXPECT_GT(size(), 300'000U);
  ASSERT_TRUE(change(*vault, [&](Change& c) -> Result<void> {
    TRY(c.revoke_secret(id));
    c.record(event_of("secret.revoke"));
    return {};
  }));
  for (int i = 0; i < 40 && size() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  EXPECT_EQ(size(), 0U);
}

}  // namespace
}  // namespace aivault::vault
