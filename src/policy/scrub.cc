#include "policy/scrub.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory_resource>
#include <numeric>
#include <utility>
#include <vector>

#include "base/reveal.h"
#include "base/text.h"
#include "base/wipe.h"
#include "policy/scrub_needle.h"

namespace aivault::policy {
namespace {

constexpr std::string_view kRedacted = "[REDACTED]";
constexpr std::size_t kNeedleBytes = 1024;        // Of a string, before encoding.
constexpr std::size_t kScrubbedBytes = 8 * 1024;  // What is scrubbed of a longer string.
constexpr std::size_t kShortestLine = 16;         // Of a string with line breaks.
constexpr std::size_t kStarts = 257;

// Strings of at most kNeedleBytes and of nearly equal size, cut between characters.
void cut_into_pieces(std::string_view text, std::vector<std::string_view>& pieces) {
  text = text.substr(0, kScrubbedBytes);
  std::size_t left = (text.size() + kNeedleBytes - 1) / kNeedleBytes;
  for (; left > 1; --left) {
    std::size_t size = text.size() / left;
    while (size < text.size() && size + 3 > text.size() / left &&
           (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) {
      --size;
    }
    pieces.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  pieces.push_back(text);
}

// HTTP strips blanks around a field value, so an upstream repeats the secret without them.
std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\v\f\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

void split_value(std::string_view value, std::vector<std::string_view>& pieces) {
  constexpr std::string_view kBreaks = "\r\n";
  value = trimmed(value);
  const bool has_lines = value.find_first_of(kBreaks) != std::string_view::npos;
  const std::size_t shortest = has_lines ? kShortestLine : kShortestForm;
  while (!value.empty()) {
    const auto line = value.substr(0, value.find_first_of(kBreaks));
    const auto content = trimmed(line);
    if (content.size() >= shortest) cut_into_pieces(content, pieces);
    value.remove_prefix(std::min(value.size(), line.size() + 1));
  }
}

template <typename T>
std::span<T> take_room(std::pmr::memory_resource& memory, std::size_t count) {
  T* const begin = static_cast<T*>(memory.allocate(count * sizeof(T), alignof(T)));
  std::uninitialized_value_construct_n(begin, count);
  return {begin, count};
}

std::size_t rounded_up(std::size_t longest) {
  return longest <= 256 ? 256 : longest <= 1024 ? 1024 : kLongestForm;
}

}  // namespace

struct ScrubForms::Table {
  Secret storage;  // Holds what the spans below show.
  std::span<std::uint64_t, PairFilter::kWords> pairs;
  // The needles that can begin with byte b: from starts[b] to starts[b + 1] of by_first_byte.
  std::span<Needle> by_first_byte;
  std::span<std::uint32_t> starts;
  std::size_t held = 0;                     // How much of an answer is held back.
  std::shared_ptr<const ScrubForms> known;  // Searched too; nullptr: none.

  Table(std::span<const std::string_view> pieces, std::shared_ptr<const ScrubForms> known);
  const Table* next() const { return known == nullptr ? nullptr : known->table_.get(); }
  void add_next();
  void sort_by_first_byte(std::span<const Needle> needles);
  std::size_t match(std::string_view text, std::size_t start, MatchScratch& scratch) const;
  bool begins_in_any_case(std::string_view text, std::size_t start, MatchScratch& scratch) const;
};

ScrubForms::Table::Table(std::span<const std::string_view> pieces,
                         std::shared_ptr<const ScrubForms> also)
    : pairs(static_cast<std::uint64_t*>(nullptr), PairFilter::kWords), known(std::move(also)) {
  std::size_t symbols = 0;
  for (const auto piece : pieces) symbols += symbol_bound(piece);
  const std::size_t count = pieces.size() * kNeedlesPerString;
  constexpr std::size_t kAlignment = 5 * alignof(std::max_align_t);
  storage = Secret::zeroed(PairFilter::kWords * sizeof(std::uint64_t) +
                           kStarts * sizeof(std::uint32_t) + symbols * sizeof(Symbol) +
                           count * (1 + FirstBytes::kMost) * sizeof(Needle) + kAlignment);
  const auto bytes = storage.writable(Reveal());
  std::pmr::monotonic_buffer_resource memory(
      bytes.data(), bytes.size(), std::pmr::null_memory_resource());
  const auto words = take_room<std::uint64_t>(memory, PairFilter::kWords);
  pairs = words.first<PairFilter::kWords>();
  const auto needles = take_room<Needle>(memory, count);
  by_first_byte = take_room<Needle>(memory, count * FirstBytes::kMost);
  starts = take_room<std::uint32_t>(memory, kStarts);
  auto room = take_room<Symbol>(memory, symbols);

  auto unwritten = needles;
  for (const auto piece : pieces) {
    room = write_needles(piece, room, unwritten.first(kNeedlesPerString));
    unwritten = unwritten.subspan(kNeedlesPerString);
  }
  PairFilter filter(pairs);
  std::size_t longest = 0;
  for (const auto needle : needles) {
    filter.add(needle);
    longest = std::max(longest, longest_spelling(needle));
  }
  held = rounded_up(longest);
  sort_by_first_byte(needles);
  if (next() != nullptr) add_next();
}

// One look at the pairs serves all tables.
void ScrubForms::Table::add_next() {
  std::ranges::transform(pairs, next()->pairs, pairs.begin(), std::bit_or());
  held = std::max(held, next()->held);
}

void ScrubForms::Table::sort_by_first_byte(std::span<const Needle> needles) {
  const auto index = [](char c) { return std::size_t{static_cast<unsigned char>(c)}; };
  for (const auto needle : needles) {
    for (const char c : FirstBytes(needle[0])) ++starts[index(c)];
  }
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  // starts[c] is the end of the needles of c; filled from behind, it becomes their beginning.
  for (const auto needle : needles) {
    for (const char c : FirstBytes(needle[0])) by_first_byte[--starts[index(c)]] = needle;
  }
}

std::size_t ScrubForms::Table::match(std::string_view text,
                                     std::size_t start,
                                     MatchScratch& scratch) const {
  const auto first = static_cast<unsigned char>(text[start]);
  std::size_t best = 0;
  for (auto i = starts[first]; i < starts[first + 1U]; ++i) {
    best = std::max(best, match_length(by_first_byte[i], text, start, scratch));
  }
  return next() == nullptr ? best : std::max(best, next()->match(text, start, scratch));
}

bool ScrubForms::Table::begins_in_any_case(std::string_view text,
                                           std::size_t start,
                                           MatchScratch& scratch) const {
  const auto first = text.substr(start, 1);
  for (const auto& spelling : {to_lower(first), to_upper(first)}) {
    const auto byte = static_cast<unsigned char>(spelling[0]);
    for (auto i = starts[byte]; i < starts[byte + 1U]; ++i) {
      const auto length = match_length(by_first_byte[i], text, start, scratch, Letters::any_case);
      if (length != 0) return true;
    }
  }
  return next() != nullptr && next()->begins_in_any_case(text, start, scratch);
}

ScrubForms::ScrubForms() = default;
ScrubForms::~ScrubForms() = default;
bool ScrubForms::empty() const { return table_ == nullptr; }

std::shared_ptr<const ScrubForms> ScrubForms::of(std::span<const Secret> values) {
  return with(nullptr, values);
}

std::shared_ptr<const ScrubForms> ScrubForms::with(std::shared_ptr<const ScrubForms> known,
                                                   std::span<const Secret> more) {
  std::vector<std::string_view> pieces;
  for (const auto& value : more) split_value(value.text(Reveal()), pieces);
  std::ranges::sort(pieces);
  pieces.erase(std::ranges::unique(pieces).begin(), pieces.end());
  if (pieces.empty() && known != nullptr) return known;
  const std::shared_ptr<ScrubForms> forms(new ScrubForms);
  if (!pieces.empty()) forms->table_ = std::make_unique<Table>(pieces, std::move(known));
  return forms;
}

struct Scrubber::State {
  std::shared_ptr<const ScrubForms> forms;
  const ScrubForms::Table* table;
  std::string text;  // Not yet released; may hold a secret that an upstream repeats.
  MatchScratch scratch;
  std::uint64_t hits = 0;

  explicit State(std::shared_ptr<const ScrubForms> all)
      : forms(std::move(all)), table(forms->table_.get()) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  State(State&&) = delete;
  State& operator=(State&&) = delete;
  ~State() { wipe(text); }

  void append(std::string_view in);
  std::size_t undecided() const;
  void release(std::size_t end, std::string& out);
  std::size_t next_find(std::size_t from, std::size_t end, std::size_t& length);
};

void Scrubber::State::append(std::string_view in) {
  if (text.size() + in.size() > text.capacity()) {
    std::string larger;
    larger.reserve(2 * (text.size() + in.size()));
    larger = text;
    wipe(text);
    text = std::move(larger);
  }
  text += in;
}

// Where the tail begins that has to wait: no form is longer, and none has a line break in it.
std::size_t Scrubber::State::undecided() const {
  const std::string_view all = text;
  const std::size_t begin = all.size() - std::min(all.size(), table->held);
  const auto line_break = all.substr(begin).rfind('\n');
  return line_break == std::string_view::npos ? begin : begin + line_break + 1;
}

// First find that begins in [from, end), or end.
std::size_t Scrubber::State::next_find(std::size_t from, std::size_t end, std::size_t& length) {
  if (text.size() < kShortestForm) return end;
  const std::size_t stop = std::min(end, text.size() - kShortestForm + 1);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  const std::uint64_t* const pairs = table->pairs.data();
  for (std::size_t at = from; at < stop; ++at) {
    const unsigned pair = bytes[at] | static_cast<unsigned>(bytes[at + 1]) << 8U;
    if ((pairs[pair / 64] >> pair % 64 & 1U) == 0) continue;
    length = table->match(text, at, scratch);
    if (length != 0) return at;
  }
  return end;
}

void Scrubber::State::release(std::size_t end, std::string& out) {
  std::size_t at = 0;
  while (at < end) {
    std::size_t length = 0;
    const std::size_t find = next_find(at, end, length);
    out.append(text, at, find - at);
    at = find + length;  // A find may reach into the tail.
    if (length == 0) continue;
    out += kRedacted;
    ++hits;
  }
  text.erase(0, at);
}

Scrubber::Scrubber(std::shared_ptr<const ScrubForms> forms)
    : state_(std::make_unique<State>(std::move(forms))) {}
Scrubber::~Scrubber() = default;
Scrubber::Scrubber(Scrubber&&) noexcept = default;
Scrubber& Scrubber::operator=(Scrubber&&) noexcept = default;

void Scrubber::feed(std::string_view in, std::string& out) {
  if (state_->table == nullptr) {
    out += in;
    return;
  }
  state_->append(in);
  state_->release(state_->undecided(), out);
}

void Scrubber::finish(std::string& out) {
  if (state_->table != nullptr) state_->release(state_->text.size(), out);
}

std::uint64_t Scrubber::hits() const { return state_->hits; }

std::string scrub_text(const std::shared_ptr<const ScrubForms>& forms, std::string_view text) {
  Scrubber scrubber(forms);
  std::string out;
  scrubber.feed(text, out);
  scrubber.finish(out);
  return out;
}

bool holds_in_any_case(const ScrubForms& forms, std::string_view text) {
  const auto* table = forms.table_.get();
  if (table == nullptr) return false;
  MatchScratch scratch;
  for (std::size_t at = 0; at + kShortestForm <= text.size(); ++at) {
    if (table->begins_in_any_case(text, at, scratch)) return true;
  }
  return false;
}

}  // namespace aivault::policy
