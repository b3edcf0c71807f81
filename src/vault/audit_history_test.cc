// What becomes of the audit behind the writer: segments, archives, mirror, waiting refusals.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "base/text.h"
#include "json/parse.h"
#include "json/write.h"
#include "store/statement.h"
#include "testing/vault_place.h"
#include "vault/mirror.h"
#include "vault/open_vault.h"
#include "vault/pending.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;
using aivault::testing::event_of;
using aivault::testing::record_and_wait;
using aivault::testing::VaultPlace;

constexpr SegmentLimits kSmall{.rows = 10, .kept = 2};

std::unique_ptr<Vault> open_small(const VaultPlace& place, Options options) {
  if (!Vault::exists(options.location)) (void)place.open();
  auto vault = OpenVault::open_with(options, {options.keys, nullptr}, kSmall);
  EXPECT_TRUE(vault) << vault.error().message;
  return std::move(*vault);
}
std::unique_ptr<Vault> open_small(const VaultPlace& place) {
  return open_small(place, place.options());
}

audit::Event call(int number) {
  auto event = event_of("capability.invoke");
  event.request_id = "r" + std::to_string(number);
  event.outcome = "denied";
  event.capability = number % 2 == 0 ? "acme/even" : "acme/odd";
  return event;
}

void record(Vault& vault, int count) {
  for (int i = 0; i < count; ++i) ASSERT_TRUE(record_and_wait(vault, call(i)));
}

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

std::vector<std::filesystem::path> archives(const VaultPlace& place) {
  std::vector<std::filesystem::path> files;
  const auto directory = place.root() + "/audit";
  if (!std::filesystem::exists(directory)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

audit::Verification verify(Vault& vault) {
  auto found = vault.verify_audit(std::nullopt);
  EXPECT_TRUE(found) << found.error().message;
  return found ? *found : audit::Verification{};
}

std::vector<std::int64_t> seqs(Vault& vault, const audit::Filter& filter) {
  const auto records = read(vault, [&](Reader& reader) { return reader.audit(filter); });
  EXPECT_TRUE(records);
  std::vector<std::int64_t> seqs;
  for (const auto& one : *records) seqs.push_back(one.seq);
  return seqs;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void rewrite(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::remove(path);
  std::ofstream(path) << text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const auto line : split(text, '\n')) {
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

// 60 calls in segments of ten: some of them are archived in the end.
class Archived : public ::testing::Test {
 protected:
  void SetUp() override {
    vault_ = open_small(place_);
    record(*vault_, 60);
    ASSERT_TRUE(eventually([&] { return archives(place_).size() >= 3; }));
    // Until the keeper has nothing left to do, so that no row comes during a test.
    std::int64_t head = 0;
    ASSERT_TRUE(eventually([&] {
      const auto found = verify(*vault_);
      std::this_thread::sleep_for(100ms);
      return found.archived >= 30 && found.head_seq == std::exchange(head, found.head_seq);
    }));
  }
  VaultPlace place_;
  std::unique_ptr<Vault> vault_;
};

TEST_F(Archived, AreReadAndVerifiedLikeRows) {
  const auto whole = verify(*vault_);
  EXPECT_TRUE(whole.ok) << whole.first_bad_seq.value_or(0);
  EXPECT_EQ(whole.events, whole.head_seq);
  EXPECT_EQ(whole.archived % 10, 0);
  audit::Filter filter;
  filter.limit = 1000;
  const auto all = seqs(*vault_, filter);
  ASSERT_EQ(std::ssize(all), whole.head_seq);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i], whole.head_seq - static_cast<std::int64_t>(i));
  }
  filter.oldest_first = true;
  auto rising = seqs(*vault_, filter);
  std::ranges::reverse(rising);
  EXPECT_EQ(rising, all);
  // Page by page, with a filter, the same.
  filter = {};
  filter.capability = "acme/even";
  filter.limit = 1000;
  const auto even = seqs(*vault_, filter);
  EXPECT_EQ(even.size(), 30U);
  filter.limit = 7;
  std::vector<std::int64_t> paged;
  for (auto page = seqs(*vault_, filter); !page.empty(); page = seqs(*vault_, filter)) {
    paged.insert(paged.end(), page.begin(), page.end());
    filter.below_seq = page.back();
  }
  EXPECT_EQ(paged, even);
  for (const auto& file : archives(place_)) {
    struct stat facts{};
    ASSERT_EQ(::stat(file.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0400U);
  }
}

TEST_F(Archived, NameWhatWasChanged) {
  const auto file = place_.root() + "/audit/11-20.jsonl";
  const auto original = text_of(file);
  const auto lines = lines_of(original);
  ASSERT_EQ(lines.size(), 11U);  // A head and ten rows.
  const auto after = [&](std::vector<std::string> changed) {
    rewrite(file, joined(changed));
    auto found = verify(*vault_);
    EXPECT_FALSE(found.ok);
    return found.first_bad_seq.value_or(-1);
  };
  auto edited = lines;
  edited[4].replace(edited[4].find("acme/"), 5, "evil/");
  EXPECT_EQ(after(edited), 14);
  auto removed = lines;
  removed.erase(removed.begin() + 5);
  EXPECT_EQ(after(removed), 15);
  auto swapped = lines;
  std::swap(swapped[6], swapped[7]);
  EXPECT_EQ(after(swapped), 16);
  auto cut = lines;
  cut.pop_back();
  EXPECT_EQ(after(cut), 20);
  auto padded = lines;
  padded[3] += " ";  // No row shows it.
  EXPECT_EQ(after(padded), 11);
  auto headless = lines;
  headless[0] = "{}";
  EXPECT_EQ(after(headless), 11);
  std::filesystem::remove(file);
  const auto gone = verify(*vault_);
  EXPECT_FALSE(gone.ok);
  EXPECT_EQ(gone.missing, std::vector<std::string>{"11-20.jsonl"});
  EXPECT_FALSE(gone.first_bad_seq);
  rewrite(file, original);
  EXPECT_TRUE(verify(*vault_).ok);
}

TEST_F(Archived, ShowEveryRandomEdit) {
  std::mt19937 random(7);  // NOLINT: the same edits every time.
  for (const auto& file : archives(place_)) {
    const auto original = text_of(file);
    for (int i = 0; i < 40; ++i) {
      auto changed = original;
      const auto at = random() % changed.size();
      switch (random() % 3) {
        case 0: changed[at] = static_cast<char>(changed[at] ^ 1 << random() % 7); break;
        case 1: changed.erase(at, 1 + random() % 20); break;
        default: changed.insert(at, 1, 'x'); break;
      }
      if (changed == original) continue;
      rewrite(file, changed);
      EXPECT_FALSE(verify(*vault_).ok) << file << " at " << at;
    }
    rewrite(file, original);
  }
  EXPECT_TRUE(verify(*vault_).ok);
}

TEST_F(Archived, ShowEveryEditOfTheDatabase) {
  const auto head = verify(*vault_).head_seq;
  vault_.reset();
  for (const auto edit : {store::Sql("UPDATE audit SET body = '{}' WHERE seq = ?1"),
                          store::Sql("DELETE FROM audit WHERE seq = ?1")}) {
    auto database = store::Database::open(place_.database());
    ASSERT_TRUE(database);
    ASSERT_TRUE(store::Statement(*database, edit, head - 3).run());
    const auto vault = open_small(place_);
    const auto found = verify(*vault);
    EXPECT_FALSE(found.ok);
    EXPECT_EQ(found.first_bad_seq, head - 3) << edit.text();
  }
}

TEST(Segments, LoseNothingWhileManyProcessesAndThreadsRecord) {
  const VaultPlace place;
  const auto first = open_small(place);
  const auto second = open_small(place);  // As another process: a connection and keys of its own.
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 5; ++j) {
        if (!record_and_wait(i % 4 == 0 ? *second : *first, call(i))) ++failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  // A transaction seals one segment at most, and many records share one.
  int more = 0;
  ASSERT_TRUE(eventually([&] {
    record(*first, 1);
    ++more;
    return verify(*first).archived > 200;
  }));
  const auto found = verify(*second);
  EXPECT_TRUE(found.ok) << found.first_bad_seq.value_or(0);
  EXPECT_GE(found.events, 321);
  audit::Filter calls;
  calls.kinds = {"capability.invoke"};
  calls.limit = 1000;
  EXPECT_EQ(std::ssize(seqs(*first, calls)), 320 + more);
}

TEST(Pending, WaitsForTheKeysAndIsChainedInOrder) {
  const VaultPlace place;
  (void)place.open();
  auto database = store::Database::open(place.database());
  ASSERT_TRUE(database);
  auto a = call(1);
  a.pid = 7;
  auto b = call(1);
  b.pid = 8;
  ASSERT_TRUE(add_pending(*database, {a, call(2), b}));
  audit::Filter filter;
  const auto waiting = query_pending(*database, 1, filter);
  ASSERT_TRUE(waiting);
  ASSERT_EQ(waiting->size(), 2U);
  EXPECT_FALSE(waiting->front().sealed);
  EXPECT_EQ(waiting->front().seq, 3);
  EXPECT_EQ(waiting->back().event.count, 2);
  EXPECT_NE(json::compact(audit::to_json(waiting->front())).find(R"("sealed":false)"),
            std::string::npos);
  const auto vault = place.open();
  filter.kinds = {"capability.invoke"};
  ASSERT_TRUE(eventually([&] { return query_pending(*database, 0, filter)->empty(); }));
  const auto records = read(*vault, [&](Reader& reader) { return reader.audit(filter); });
  ASSERT_EQ(records->size(), 2U);
  EXPECT_TRUE(records->front().sealed);
  EXPECT_TRUE(records->front().event.late);
  EXPECT_EQ(records->front().event.capability, "acme/even");
  EXPECT_EQ(records->back().event.count, 2);
  EXPECT_TRUE(verify(*vault).ok);
}

TEST(Pending, EndsInACount) {
  const VaultPlace place;
  (void)place.open();
  auto database = store::Database::open(place.database());
  std::vector<audit::Event> events;
  for (int i = 0; i < 1000; ++i) {
    events.push_back(call(i));
    events.back().path = "/" + std::to_string(i);
  }
  ASSERT_TRUE(database->execute(
      "INSERT INTO audit_pending (ts_ms, kind, body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
      "SELECT i + 1 FROM n WHERE i < 9990) SELECT i, 'x', '{}' FROM n"));
  ASSERT_TRUE(add_pending(*database, events));
  audit::Filter all;
  all.limit = 100'000;
  const auto waiting = query_pending(*database, 0, all);
  ASSERT_EQ(std::ssize(*waiting), kMaxPending);
  EXPECT_EQ(waiting->front().event.kind, "audit.gap");
  EXPECT_EQ(waiting->front().event.count, 1000 - 9);
}

TEST(MirrorFile, HoldsEveryEventInOrderAndGoesOnWhereItEnded) {
  const VaultPlace place;
  auto options = place.options();
  options.audit_mirror = place.base() + "/mirror.jsonl";
  const auto numbers = [&](const std::string& path) {
    std::vector<std::int64_t> numbers;
    for (const auto& line : lines_of(text_of(path))) {
      const auto parsed = json::parse(line);
      EXPECT_TRUE(parsed) << line;
      if (parsed) numbers.push_back(*parsed->find("seq")->integer());
    }
    return numbers;
  };
  const auto counted = [](std::int64_t first, std::int64_t last) {
    std::vector<std::int64_t> numbers;
    for (auto n = first; n <= last; ++n) numbers.push_back(n);
    return numbers;
  };
  {
    const auto vault = open_small(place, options);
    record(*vault, 5);
    ASSERT_TRUE(eventually([&] { return numbers(options.audit_mirror) == counted(1, 6); }));
    // Moved away: the rest goes into a new file.
    std::filesystem::rename(options.audit_mirror, options.audit_mirror + ".1");
    record(*vault, 5);
    ASSERT_TRUE(eventually([&] {
      return std::filesystem::exists(options.audit_mirror) &&
             numbers(options.audit_mirror) == counted(7, 11);
    }));
    // It cannot be written: calls go on, and what is missing comes later.
    std::filesystem::rename(options.audit_mirror, options.audit_mirror + ".2");
    std::filesystem::create_directory(options.audit_mirror);
    record(*vault, 5);
    ASSERT_TRUE(eventually([&] { return !vault->mirror_state().problem.empty(); }));
    std::filesystem::remove(options.audit_mirror);
    ASSERT_TRUE(eventually([&] { return vault->mirror_state().problem.empty(); }));
    ASSERT_EQ(numbers(options.audit_mirror), counted(12, 16));
  }
  std::ofstream(options.audit_mirror, std::ios::app)
      << R"({"seq":17,"ki)";  // Killed while writing.
  const auto vault = open_small(place, options);
  record(*vault, 1);
  ASSERT_TRUE(eventually([&] { return last_number_in(text_of(options.audit_mirror)) == 17; }));
  EXPECT_NE(text_of(options.audit_mirror).find("{\"seq\":17,\"ki\n{"), std::string::npos);
}

TEST(MirrorFile, FindsItsLastWholeLine) {
  EXPECT_EQ(last_number_in(""), 0);
  EXPECT_EQ(last_number_in("{\"seq\":3}\n"), 3);
  EXPECT_EQ(last_number_in("{\"seq\":3}\n{\"seq\":4}\n{\"se"), 4);
  EXPECT_EQ(last_number_in("\n\nnonsense\n"), 0);
}

TEST(Strict, SyncsEveryRecord) {
  const VaultPlace place;
  auto options = place.options();
  options.durability = Durability::strict;
  const auto vault = open_small(place, options);
  record(*vault, 3);
  EXPECT_TRUE(verify(*vault).ok);
}

}  // namespace
}  // namespace aivault::vault
