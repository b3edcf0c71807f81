// Revisions: which revision of every protected row is the right one, as of each moment that a
// reader may still be looking at. A row of another revision was put back or forged.
// Thread: any; one writer. A secret takes about 56 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/tables.h"

namespace aivault::vault {

struct RowWrite {
  store::Table table;
  std::string id;
  std::optional<std::int64_t> rev;  // Absent: the row was removed.
};

class Revisions {
 public:
  explicit Revisions(std::int64_t counter) : base_(counter), committed_(counter), known_(counter) {}

  // While it is built. False: not an id of that table, or a second one.
  bool load(store::Table table, std::string_view id, std::int64_t rev);

  // A reader holds one from before its snapshot until its end.
  class Pin {
   public:
    explicit Pin(Revisions& of);
    Pin(Pin&& other) noexcept : of_(std::exchange(other.of_, nullptr)), at_(other.at_) {}
    Pin& operator=(Pin&&) = delete;
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin();

   private:
    Revisions* of_;
    std::multiset<std::int64_t>::iterator at_;
  };

  // Is a snapshot with this counter one of those known here? Else somebody else wrote it.
  bool covers(std::int64_t counter) const;
  std::optional<std::int64_t> at(store::Table table,
                                 std::string_view id,
                                 std::int64_t counter) const;
  std::vector<std::string> ids(store::Table table, std::int64_t counter) const;  // Sorted.
  std::size_t count(store::Table table) const;

  // The writer says what it is about to commit, then that it has, or that nothing came of it.
  void announce(std::int64_t counter, const std::vector<RowWrite>& writes);
  void commit(std::int64_t counter);
  void retract(std::int64_t counter);

 private:
  using Uuid = std::array<std::uint64_t, 2>;
  struct UuidHash {
    std::size_t operator()(const Uuid& id) const noexcept { return id[0] ^ id[1]; }
  };
  struct Before {
    std::int64_t counter;  // The transaction that changed it.
    RowWrite row;          // What was there before.
  };

  static std::optional<Uuid> parse(std::string_view id);
  std::optional<std::int64_t> now(store::Table table, std::string_view id) const;
  void set(const RowWrite& write);

  mutable std::mutex guard_;
  std::unordered_map<Uuid, std::int64_t, UuidHash> secrets_;
  std::array<std::map<std::string, std::int64_t, std::less<>>, store::kTables.size()> others_;
  std::deque<Before> history_;  // Oldest first; as far back as the oldest reader.
  std::multiset<std::int64_t> pins_;
  std::int64_t base_, committed_, known_;
};

}  // namespace aivault::vault
