#include "policy/scrub_needle.h"

#include <algorithm>
#include <optional>

namespace aivault::policy {
namespace {

constexpr std::size_t kEscapedByte = 8;  // "&#00047;", "&#x002f;" are the longest.

unsigned byte_of(char c) { return static_cast<unsigned char>(c); }

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return byte_of(c) - '0';
  if (c >= 'a' && c <= 'f') return byte_of(c) - 'a' + 10;
  if (c >= 'A' && c <= 'F') return byte_of(c) - 'A' + 10;
  return std::nullopt;
}

std::optional<char32_t> hex_number(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  char32_t value = 0;
  for (const char c : digits) {
    const auto digit = hex_digit(c);
    if (!digit) return std::nullopt;
    value = value * 16 + *digit;
  }
  return value;
}

std::optional<char32_t> decimal_number(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  char32_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (byte_of(c) - '0');
  }
  return value;
}

// The UTF-8 sequence at the beginning of `text`, or its first byte alone.
Symbol first_symbol(std::string_view text) {
  const unsigned lead = byte_of(text[0]);
  std::uint8_t size = 1;
  char32_t code_point = lead;
  if (lead >= 0xC2 && lead <= 0xF4) {
    size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    code_point = lead & (0xFFU >> (size + 1U));
  } else if (lead >= 0x80) {
    code_point = kNoCodePoint;
  }
  bool valid = text.size() >= size;
  for (std::size_t i = 1; valid && i < size; ++i) {
    valid = (byte_of(text[i]) & 0xC0U) == 0x80U;
    code_point = code_point << 6U | (byte_of(text[i]) & 0x3FU);
  }
  if (!valid) {
    size = 1;
    code_point = kNoCodePoint;
  }
  Symbol symbol;
  symbol.size = size;
  std::copy_n(text.begin(), size, symbol.raw.begin());
  symbol.other = text[0];
  symbol.escapable = true;
  symbol.code_point = code_point;
  return symbol;
}

Symbol byte_symbol(char c, char other) {
  Symbol symbol;
  symbol.raw[0] = c;
  symbol.other = other;
  symbol.escapable = !is_alphanumeric(c);
  symbol.code_point = byte_of(c);
  return symbol;
}

// Six bits of `text` from bit `offset`; beyond its end they are zero.
char32_t sextet(std::string_view text, std::size_t offset) {
  const auto at = [&](std::size_t i) { return i < text.size() ? byte_of(text[i]) : 0U; };
  const unsigned two = at(offset / 8) << 8U | at(offset / 8 + 1);
  return two >> (10U - offset % 8) & 0x3FU;
}

Symbol base64_symbol(char32_t value) {
  constexpr std::string_view kStandard =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char c = kStandard[value];
  return byte_symbol(c, c == '+' ? '-' : c == '/' ? '_' : c);
}

class Writer {
 public:
  explicit Writer(std::span<Symbol> room) : room_(room) {}
  void put(const Symbol& symbol) {
    const std::size_t bytes = symbol.escapable ? kEscapedByte * symbol.size : symbol.size;
    full_ = full_ || bytes_ + bytes > kLongestForm;
    if (full_) return;  // The beginning serves: what is found is found at its first byte.
    room_[used_++] = symbol;
    bytes_ += bytes;
  }
  void accept_here() { room_[used_ - 1].accepts = true; }
  Needle take() {
    const Needle needle = room_.first(used_);
    room_ = room_.subspan(used_);
    used_ = bytes_ = 0;
    full_ = false;
    return needle;
  }
  std::span<Symbol> rest() const { return room_; }

 private:
  std::span<Symbol> room_;
  std::size_t used_ = 0, bytes_ = 0;
  bool full_ = false;
};

void write_raw(std::string_view text, Writer& out) {
  while (!text.empty()) {
    const Symbol symbol = first_symbol(text);
    text.remove_prefix(symbol.size);
    out.put(symbol);
  }
  out.accept_here();
}

// The string in Base64 of something that has it behind `shift` bytes (mod 3): first the part that
// does not depend on neighbours, then the ending if nothing follows.
void write_base64(std::string_view text, std::size_t shift, Writer& out) {
  constexpr std::size_t kShortestInner = 12;
  const std::size_t bits = text.size() * 8;
  std::size_t offset = (6 - shift * 8 % 6) % 6;
  std::size_t inner = 0;
  for (; offset + 6 <= bits; offset += 6, ++inner) out.put(base64_symbol(sextet(text, offset)));
  if (inner >= kShortestInner) out.accept_here();
  if (offset < bits) out.put(base64_symbol(sextet(text, offset)));
  out.accept_here();
  for (std::size_t tail = (shift + text.size()) % 3; tail != 0 && tail < 3; ++tail) {
    out.put(byte_symbol('=', '='));
    out.accept_here();
  }
}

void write_hex(std::string_view text, Writer& out) {
  constexpr std::string_view kLower = "0123456789abcdef";
  constexpr std::string_view kUpper = "0123456789ABCDEF";
  for (const char c : text) {
    for (const unsigned digit : {byte_of(c) >> 4U, byte_of(c) & 0xFU}) {
      out.put(byte_symbol(kLower[digit], kUpper[digit]));
    }
  }
  out.accept_here();
}

bool is(const Symbol& symbol, char32_t code_point) {
  if (symbol.code_point == kNoCodePoint) return false;
  return code_point == symbol.code_point ||
         (symbol.size == 1 && code_point == byte_of(symbol.other));
}

char small_letter(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool agree(char a, char b, Letters letters) {
  return a == b || (letters == Letters::any_case && small_letter(a) == small_letter(b));
}

// Each returns the length of that spelling of the symbol at the beginning of `text`, or 0.
std::size_t raw_length(const Symbol& symbol, std::string_view text, Letters letters) {
  if (symbol.size == 1) {
    const bool found = !text.empty() && (agree(text[0], symbol.raw[0], letters) ||
                                         agree(text[0], symbol.other, letters));
    return found ? 1 : 0;
  }
  return text.starts_with(std::string_view(symbol.raw.data(), symbol.size)) ? symbol.size : 0;
}

// `introducer`: "%", or "%25" for what was encoded twice.
std::size_t percent_length(const Symbol& symbol,
                           std::string_view text,
                           std::string_view introducer) {
  const std::size_t step = introducer.size() + 2;
  if (text.size() < step * symbol.size) return 0;
  for (std::size_t i = 0; i < symbol.size; ++i) {
    const auto escape = text.substr(step * i, step);
    const auto value = hex_number(escape.substr(introducer.size()));
    const bool same = value && (*value == byte_of(symbol.raw[i]) ||
                                (symbol.size == 1 && *value == byte_of(symbol.other)));
    if (!escape.starts_with(introducer) || !same) return 0;
  }
  return step * symbol.size;
}

std::size_t json_length(const Symbol& symbol, std::string_view text) {
  if (text.size() < 2) return 0;
  const char next = text[1];
  if (next != 'u') {
    if (!is_alphanumeric(next)) return is(symbol, byte_of(next)) ? 2 : 0;
    const char meant = next == 't' ? '\t' : next == 'b' ? '\b' : next == 'f' ? '\f' : '\0';
    return meant != '\0' && is(symbol, byte_of(meant)) ? 2 : 0;
  }
  const auto unit = text.size() < 6 ? std::nullopt : hex_number(text.substr(2, 4));
  if (!unit) return 0;
  if ((*unit & 0xFC00U) != 0xD800U) return is(symbol, *unit) ? 6 : 0;
  const bool paired = text.size() >= 12 && text.substr(6, 2) == "\\u";
  const auto low = paired ? hex_number(text.substr(8, 4)) : std::nullopt;
  if (!low || (*low & 0xFC00U) != 0xDC00U) return 0;
  const char32_t whole = 0x1'0000U + ((*unit & 0x3FFU) << 10U | (*low & 0x3FFU));
  return is(symbol, whole) ? 12 : 0;
}

std::size_t entity_length(const Symbol& symbol, std::string_view text) {
  struct Named {
    char c;
    std::string_view spelling;
  };
  constexpr std::array<Named, 5> kNamed = {
      {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"}}};
  text = text.substr(0, kEscapedByte * symbol.size);
  const auto end = text.find(';');
  if (end == std::string_view::npos) return 0;
  if (text.substr(0, 2) != "&#") {
    const bool named = std::ranges::any_of(kNamed, [&](const Named& entity) {
      return is(symbol, byte_of(entity.c)) && text.starts_with(entity.spelling);
    });
    return named ? end + 1 : 0;
  }
  const auto body = text.substr(2, end - 2);
  const bool in_hex = body.starts_with('x') || body.starts_with('X');
  const auto value = in_hex ? hex_number(body.substr(1)) : decimal_number(body);
  return value && is(symbol, *value) ? end + 1 : 0;
}

std::size_t escaped_length(const Symbol& symbol, std::string_view text) {
  if (!symbol.escapable || text.empty()) return 0;
  switch (text[0]) {
    case '%': return percent_length(symbol, text, "%");
    case '\\': return json_length(symbol, text);
    case '&': return entity_length(symbol, text);
    case '+': return is(symbol, ' ') ? 1 : 0;
    default: return 0;
  }
}

std::size_t twice_percent_length(const Symbol& symbol, std::string_view text) {
  if (!symbol.escapable || !text.starts_with("%25")) return 0;
  return percent_length(symbol, text, "%25");
}

}  // namespace

std::size_t symbol_bound(std::string_view text) {
  const std::size_t base64 = text.size() * 4 / 3 + 4;
  return text.size() + 3 * base64 + 2 * text.size();
}

std::span<Symbol> write_needles(std::string_view text,
                                std::span<Symbol> room,
                                std::span<Needle> needles) {
  Writer out(room);
  write_raw(text, out);
  needles[0] = out.take();
  for (std::size_t shift = 0; shift < 3; ++shift) {
    write_base64(text, shift, out);
    needles[1 + shift] = out.take();
  }
  write_hex(text, out);
  needles[4] = out.take();
  return out.rest();
}

FirstBytes::FirstBytes(const Symbol& symbol) {
  bytes_[size_++] = symbol.raw[0];
  if (symbol.other != symbol.raw[0]) bytes_[size_++] = symbol.other;
  if (!symbol.escapable) return;
  for (const char introducer : {'%', '\\', '&'}) bytes_[size_++] = introducer;
  if (is(symbol, ' ')) bytes_[size_++] = '+';
}

std::size_t longest_spelling(Needle needle) {
  std::size_t bytes = 0;
  for (const auto& symbol : needle) {
    bytes += symbol.escapable ? kEscapedByte * symbol.size : symbol.size;
  }
  return bytes;
}

void PairFilter::add(char first, char second) {
  const unsigned index = byte_of(first) | byte_of(second) << 8U;
  words_[index / 64] |= std::uint64_t{1} << index % 64;
}

void PairFilter::add_before(char first, const Symbol& next) {
  for (const char second : FirstBytes(next)) add(first, second);
}

void PairFilter::add(Needle needle) {
  const Symbol& symbol = needle[0];
  if (symbol.size > 1) {
    add(symbol.raw[0], symbol.raw[1]);
  } else {
    add_before(symbol.raw[0], needle[1]);
    add_before(symbol.other, needle[1]);
  }
  if (!symbol.escapable) return;
  if (is(symbol, ' ')) add_before('+', needle[1]);
  for (const char c : {symbol.raw[0], symbol.other}) {
    constexpr std::string_view kLower = "0123456789abcdef";
    constexpr std::string_view kUpper = "0123456789ABCDEF";
    add('%', kLower[byte_of(c) >> 4U]);
    add('%', kUpper[byte_of(c) >> 4U]);
    if (!is_alphanumeric(c)) add('\\', c);
  }
  add('%', '2');  // Of "%25".
  add('\\', 'u');
  add('&', '#');
  if (is_alphanumeric(symbol.raw[0])) return;
  for (const char next : {'t', 'b', 'f'}) add('\\', next);
  for (const char next : {'a', 'l', 'g', 'q'}) add('&', next);
}

std::size_t match_length(Needle needle,
                         std::string_view text,
                         std::size_t start,
                         MatchScratch& scratch,
                         Letters letters) {
  auto& here = scratch.here;
  auto& next = scratch.next;
  here.assign(1, start);
  std::size_t best = 0;
  for (const auto& symbol : needle) {
    next.clear();
    for (const std::size_t at : here) {
      const auto rest = text.substr(at);
      for (const auto length : {raw_length(symbol, rest, letters),
                                escaped_length(symbol, rest),
                                twice_percent_length(symbol, rest)}) {
        if (length != 0) next.push_back(at + length);
      }
    }
    if (next.empty()) break;
    if (next.size() > 1) {
      std::ranges::sort(next);
      next.erase(std::ranges::unique(next).begin(), next.end());
    }
    if (symbol.accepts) best = next.back() - start;
    std::swap(here, next);
  }
  return best;
}

}  // namespace aivault::policy
