// scrub_property: random secrets in random spellings and places of random bodies, cut at random:
// what comes out is exactly the body with each of them replaced, however it was cut.
//
//   scrub_property [--count N] [--seed S]
//
// The expected text is put together beside the body, without the code under test.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "base/secret.h"
#include "base/text.h"
#include "policy/scrub.h"

namespace aivault {
namespace {

constexpr std::string_view kRedacted = "[REDACTED]";
constexpr std::string_view kHex[] = {"0123456789abcdef", "0123456789ABCDEF"};
constexpr int kBodiesPerSet = 20;

struct Body {
  std::string text, expected;
  void add(std::string_view both) {
    text += both;
    expected += both;
  }
};

class Cases {
 public:
  explicit Cases(std::uint64_t seed) : random_(seed) {}

  // A letter in front keeps them apart from each other and from the separators.
  std::vector<std::string> secrets() {
    std::vector<std::string> made;
    for (std::size_t count = 1 + below(4); count > 0; --count) made.push_back(secret(made.size()));
    return made;
  }

  Body body(const std::vector<std::string>& secrets) {
    Body made;
    for (std::size_t left = below(8); left > 0; --left) {
      made.add(filler());
      add_piece(secrets[below(secrets.size())], made);
    }
    made.add(filler());
    return made;
  }

  std::vector<std::size_t> cuts(std::size_t size) {
    const std::size_t widest = one_in(3) ? 2 : one_in(2) ? 20 : 2000;
    std::vector<std::size_t> made;
    for (std::size_t at = 0; (at += 1 + below(widest)) < size;) made.push_back(at);
    return made;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }

  std::string secret(std::size_t number) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    constexpr std::string_view kMarks = "ab01/+=%&\\\"'<>:;.?~$*()[]{}|^`,@!# ";
    const auto alphabet = one_in(3) ? kMarks : kPlain;
    std::string text = "k" + std::to_string(number);
    for (std::size_t left = 10 + below(one_in(10) ? 300 : 50); left > 0; --left) {
      text += alphabet[below(alphabet.size())];
    }
    return text + "z" + std::to_string(number);
  }

  // No byte of it can begin, continue or end any spelling of a secret, but many bodies are like
  // that.
  std::string filler() {
    constexpr std::string_view kBlank = "\n\n\t\x01\x02\xC3\xA9";
    std::string text = "\n";
    const std::size_t size = one_in(20) ? below(3000) : below(30);
    while (text.size() < size) text += kBlank[below(kBlank.size())];
    return text + "\t";
  }

  void add_piece(const std::string& secret, Body& made) {
    const auto what = below(10);
    if (what == 0) {
      made.add(secret.substr(0, 1 + below(secret.size() - 1)));  // A beginning is no secret.
    } else if (what == 1) {
      made.add(secret.substr(1));
    } else if (what == 2) {
      add_base64(secret, made);
    } else {
      made.text += spelling(secret);
      made.expected += kRedacted;
    }
  }

  // As part of something longer: the characters that mix with the neighbours stay.
  void add_base64(const std::string& secret, Body& made) {
    const std::size_t before = below(4);
    const std::size_t after = below(4);
    auto text = base64(bytes_of(std::string(before, 'x') + secret + std::string(after, '~')));
    if (one_in(2)) {
      std::ranges::replace(text, '+', '-');
      std::ranges::replace(text, '/', '_');
    }
    const std::size_t first = (before * 8 + 5) / 6;
    const std::size_t last = after == 0 ? text.size() : (before + secret.size()) * 8 / 6;
    made.text += text;
    made.expected += text.substr(0, first) + std::string(kRedacted) + text.substr(last);
  }

  std::string spelling(const std::string& secret) {
    switch (below(6)) {
      case 0: return secret;
      case 1: return each(secret, 100, "%", "");
      case 2: return each(secret, 30, "%", "");
      case 3: return each(secret, 100, "\\u00", "");
      case 4: return each(secret, 100, "&#x", ";");
      default: {
        const auto text = hex(bytes_of(secret));
        return one_in(2) ? to_upper(text) : text;
      }
    }
  }

  // '%' itself must be written so, or the rest would not be an encoding of the secret.
  std::string each(const std::string& secret,
                   std::size_t percent,
                   std::string_view prefix,
                   std::string_view suffix) {
    const auto digits = kHex[below(2)];
    std::string out;
    for (const char c : secret) {
      const auto byte = static_cast<unsigned char>(c);
      if (c != '%' && below(100) >= percent) {
        out += c;
        continue;
      }
      out.append(prefix) += digits[byte >> 4U];
      out += digits[byte & 0xFU];
      out.append(suffix);
    }
    return out;
  }

  std::mt19937_64 random_;
};

std::string scrubbed(const std::shared_ptr<const policy::ScrubForms>& forms,
                     std::string_view text,
                     const std::vector<std::size_t>& cuts) {
  policy::Scrubber scrubber(forms);
  std::string out;
  std::size_t begin = 0;
  for (const auto cut : cuts) {
    scrubber.feed(text.substr(begin, cut - begin), out);
    begin = cut;
  }
  scrubber.feed(text.substr(begin), out);
  scrubber.finish(out);
  return out;
}

int report(std::uint64_t number, const char* what, const Body& body, const std::string& got) {
  (void)std::fprintf(stderr,
                     "case %llu: %s\n  body     %s\n  expected %s\n  got      %s\n",
                     static_cast<unsigned long long>(number),
                     what,
                     quote_for_message(body.text, 4000).c_str(),
                     quote_for_message(body.expected, 4000).c_str(),
                     quote_for_message(got, 4000).c_str());
  return 1;
}

int run(std::uint64_t count, std::uint64_t seed) {
  Cases cases(seed);
  std::uint64_t bytes = 0;
  std::uint64_t finds = 0;
  for (std::uint64_t number = 0; number < count;) {
    const auto texts = cases.secrets();
    std::vector<Secret> secrets;
    for (const auto& text : texts) secrets.push_back(Secret::copy_of(text));
    const auto forms = policy::ScrubForms::of(secrets);
    for (int i = 0; i < kBodiesPerSet && number < count; ++i, ++number) {
      const auto body = cases.body(texts);
      bytes += body.text.size();
      const auto whole = policy::scrub_text(forms, body.text);
      finds += body.text == body.expected ? 0U : 1U;
      if (whole != body.expected) return report(number, "not what was expected", body, whole);
      const auto pieces = scrubbed(forms, body.text, cases.cuts(body.text.size()));
      if (pieces != whole) return report(number, "the cuts make a difference", body, pieces);
    }
  }
  (void)std::printf("%llu cases, %llu bytes, %llu bodies with secrets: no leak, no other change\n",
                    static_cast<unsigned long long>(count),
                    static_cast<unsigned long long>(bytes),
                    static_cast<unsigned long long>(finds));
  return finds > count / 2 ? 0 : 1;
}

}  // namespace
}  // namespace aivault

int main(int count, char** words) {
  std::uint64_t cases = 1'000'000;
  std::uint64_t seed = 20'261'126;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view word = words[i];
    if (word != "--count" && word != "--seed") {
      (void)std::fprintf(stderr, "usage: scrub_property [--count N] [--seed S]\n");
      return 2;
    }
    (word == "--count" ? cases : seed) = std::strtoull(words[i + 1], nullptr, 10);
  }
  return aivault::run(cases, seed);
}
