// path_oracle: writes random request paths, and how the real decision answered, for foreign judges.
//
//   path_oracle [--count N] [--seed S] [--unchecked]
//
// Prints one line for each allowed path: the prefix, a tab, the target as it would be sent; the
// last line counts. With --unchecked a path is allowed when it merely begins with the prefix: then
// the judges must object, or they are worth nothing.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "policy/decide.h"
#include "registry/registry.h"

namespace aivault {
namespace {

constexpr std::string_view kHost = "api.test";
constexpr std::string_view kPrefixes[] = {
    "/v1/foo", "/v1/", "/v1/places:", "/api/chat.", "/a", "/v1/foo/bar/baz"};

constexpr std::string_view kPieces[] = {"/",
                                        "/",
                                        "/",
                                        "/",
                                        ".",
                                        ".",
                                        "..",
                                        "..",
                                        "...",
                                        "\\",
                                        "//",
                                        ";",
                                        ";a=1",
                                        ";/",
                                        "?",
                                        "#",
                                        "&",
                                        "=",
                                        "%2e",
                                        "%2E",
                                        "%2f",
                                        "%2F",
                                        "%5c",
                                        "%5C",
                                        "%25",
                                        "%00",
                                        "%0a",
                                        "%09",
                                        "%20",
                                        "%3b",
                                        "%3f",
                                        "%23",
                                        "%c0%ae",
                                        "%c0%af",
                                        "%e0%80%ae",
                                        "%ef%bc%8e",
                                        "%ef%bc%8f",
                                        "%u002e",
                                        "%%32%65",
                                        "%2",
                                        "%",
                                        "%zz",
                                        "\xEF\xBC\x8E",
                                        "\xEF\xBC\x8F",
                                        "\xE2\x88\x95",
                                        "\xC4\xAE",
                                        "\xE5\x98\x8A",
                                        "\xE2\x80\xAE",
                                        "\xF0\x9F\x98\x80",
                                        "\xFF",
                                        " ",
                                        "+",
                                        "\t",
                                        "\n",
                                        "@",
                                        ":",
                                        "|",
                                        "[",
                                        "]",
                                        "~",
                                        "*",
                                        "a",
                                        "B",
                                        "foo",
                                        "bar",
                                        "baz",
                                        "v1",
                                        "admin",
                                        "x.y",
                                        "..a",
                                        "a..",
                                        "evil.test",
                                        "http:",
                                        "https://evil.test"};

constexpr std::string_view kHex[] = {"0123456789abcdef", "0123456789ABCDEF"};

class Paths {
 public:
  explicit Paths(std::uint64_t seed) : random_(seed) {}

  std::string next(std::string_view prefix) {
    std::string path = one_in(12) ? "/" : std::string(prefix);
    if (one_in(8)) path = encoded(path, 20);
    const std::size_t pieces = below(9);
    for (std::size_t i = 0; i < pieces; ++i) path += piece();
    return path;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }

  // What somebody who wants out would write: a piece, encoded so many times.
  std::string piece() {
    if (one_in(10)) return {static_cast<char>(random_() & 0xFFU)};
    std::string text(kPieces[below(std::size(kPieces))]);
    if (one_in(3)) text = (one_in(2) ? "/" : "") + text + "/";
    for (std::size_t times = one_in(2) ? 0 : below(4); times > 0; --times) {
      text = encoded(text, one_in(2) ? 100 : 40);
    }
    return text;
  }

  std::string encoded(std::string_view text, std::size_t percent) {
    std::string out;
    for (const char c : text) {
      if (below(100) >= percent) {
        out += c;
        continue;
      }
      const auto byte = static_cast<unsigned char>(c);
      const auto digits = kHex[below(2)];
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 0xFU];
    }
    return out;
  }

  std::mt19937_64 random_;
};

// One capability with one prefix, and the credential to reach it.
class Gate {
 public:
  explicit Gate(std::string_view prefix) : paths_{prefix} {
    rules_.push_back({methods_, paths_});
    capability_.id = "custom/things";
    capability_.provider = "custom";
    capability_.form = registry::PathForm::prefix;
    capability_.hosts = hosts_;
    capability_.allow = rules_;
    credential_.id = "custom";
    credential_.hosts = {std::string(kHost)};
    credential_.auth = registry::HeaderAuth{};
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  Gate(Gate&&) = delete;
  Gate& operator=(Gate&&) = delete;
  ~Gate() = default;

  // The target that would be sent.
  std::optional<std::string> allowed(const std::string& path) const {
    policy::CallRequest call;
    call.method = "GET";
    call.path = path;
    const auto approved = policy::decide(capability_, credential_, std::move(call));
    if (!approved) return std::nullopt;
    return approved->target().wire();
  }

 private:
  std::vector<registry::TextView> methods_{"GET"}, paths_, hosts_{kHost};
  std::vector<registry::Rule> rules_;
  registry::Capability capability_;
  policy::CredentialPolicy credential_;
};

// What a careless broker would do.
std::optional<std::string> begins_with(std::string_view prefix, const std::string& path) {
  if (!path.starts_with(prefix)) return std::nullopt;
  for (const char c : path) {
    if (c <= ' ' || c == '\x7F' || static_cast<unsigned char>(c) >= 0x80) return std::nullopt;
  }
  return path;
}

int run(std::uint64_t count, std::uint64_t seed, bool unchecked) {
  Paths paths(seed);
  std::deque<Gate> gates;
  for (const auto prefix : kPrefixes) gates.emplace_back(prefix);
  std::uint64_t allowed = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto prefix = kPrefixes[i % std::size(kPrefixes)];
    const auto path = paths.next(prefix);
    const auto sent =
        unchecked ? begins_with(prefix, path) : gates[i % std::size(kPrefixes)].allowed(path);
    if (!sent) continue;
    ++allowed;
    std::cout << prefix << '\t' << *sent << '\n';
  }
  std::cout << "generated " << count << " allowed " << allowed << '\n';
  return std::cout.good() ? 0 : 1;
}

}  // namespace
}  // namespace aivault

int main(int count, char** words) {
  std::uint64_t paths = 100'000;
  std::uint64_t seed = 20'261'126;
  bool unchecked = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--unchecked") {
      unchecked = true;
    } else if (i + 1 < count && (word == "--count" || word == "--seed")) {
      (word == "--count" ? paths : seed) = std::strtoull(words[++i], nullptr, 10);
    } else {
      std::cerr << "usage: path_oracle [--count N] [--seed S] [--unchecked]\n";
      return 2;
    }
  }
  return aivault::run(paths, seed, unchecked);
}
