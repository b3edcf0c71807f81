// Needle: one string to find, every character in any of its spellings (raw, percent-encoded,
// JSON-escaped, XML or HTML entity), so that mixtures are found too.
// Thread: any. Source: RFC 3986 2.1, RFC 8259 7, RFC 4648 4 and 5, HTML entities of XML 1.0 4.6.
// Holds secret bytes: lives in the storage that the scrubber gives it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace aivault::policy {

constexpr std::size_t kLongestForm = 8192;  // In bytes, as spelled.
constexpr std::size_t kShortestForm = 6;

struct Symbol {
  std::array<char, 4> raw{};  // One UTF-8 sequence, or one byte.
  std::uint8_t size = 1;      // Of raw.
  char other = 0;             // As good as raw[0]: base64url, upper-case hex. Else equal to it.
  bool escapable = false;
  bool accepts = false;     // A find may end behind this symbol.
  char32_t code_point = 0;  // kNoCodePoint: a byte that is not UTF-8.
};
constexpr char32_t kNoCodePoint = 0xFFFF'FFFF;

using Needle = std::span<const Symbol>;

// The needles of one string of kShortestForm bytes or more: itself, its Base64 at the three
// alignments, its hex. symbol_bound: how many symbols write_needles() writes at most.
constexpr std::size_t kNeedlesPerString = 5;
std::size_t symbol_bound(std::string_view text);
// Appends each needle to `needles`; returns the unused rest of `room`.
std::span<Symbol> write_needles(std::string_view text,
                                std::span<Symbol> room,
                                std::span<Needle> needles);

// The bytes with which a spelling of the symbol can begin; one may be there twice.
class FirstBytes {
 public:
  static constexpr std::size_t kMost = 6;
  explicit FirstBytes(const Symbol& symbol);
  const char* begin() const { return bytes_.data(); }
  const char* end() const { return bytes_.data() + size_; }

 private:
  std::array<char, kMost> bytes_{};
  std::size_t size_ = 0;
};

std::size_t longest_spelling(Needle needle);  // In bytes.

// Every pair of bytes with which a spelling of the needle can begin.
class PairFilter {
 public:
  static constexpr std::size_t kWords = 65'536 / 64;
  explicit PairFilter(std::span<std::uint64_t, kWords> words) : words_(words) {}
  void add(Needle needle);

 private:
  void add(char first, char second);
  void add_before(char first, const Symbol& next);
  std::span<std::uint64_t, kWords> words_;
};

// Reused between searches, to spare allocations.
struct MatchScratch {
  std::vector<std::size_t> here, next;
};
enum class Letters : std::uint8_t { exact, any_case };
// Length of the longest spelling of the needle at `start`; 0: none.
std::size_t match_length(Needle needle,
                         std::string_view text,
                         std::size_t start,
                         MatchScratch& scratch,
                         Letters letters = Letters::exact);

}  // namespace aivault::policy
