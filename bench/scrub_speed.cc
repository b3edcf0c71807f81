// scrub_speed: how fast the scrubber passes bodies that hold no secret, with four secrets loaded,
// beside a copy and a search for one byte in the same run.
//
//   scrub_speed [SECONDS per measurement]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "policy/scrub.h"

namespace aivault {
namespace {

constexpr std::size_t kBody = std::size_t{8} << 20U;
constexpr std::size_t kPiece = std::size_t{64} << 10U;

template <typename Step>
double megabytes_per_second(double seconds, Step step) {
  // Of this process: what else runs on the machine does not count.
  const auto begin = std::clock();
  double passed = 0;
  std::size_t rounds = 0;
  while (passed < seconds) {
    step();
    ++rounds;
    passed = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  }
  return static_cast<double>(rounds) * static_cast<double>(kBody) / 1e6 / passed;
}

std::string repeated(std::string_view text, std::mt19937& random) {
  std::string body;
  body.reserve(kBody + text.size() + 32);
  while (body.size() < kBody) {
    body += text;
    body += std::to_string(random());
  }
  body.resize(kBody);
  return body;
}

std::string random_bytes(std::string_view alphabet, std::mt19937& random) {
  std::string body(kBody, '\0');
  for (auto& c : body)
    c = alphabet.empty() ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
  return body;
}

void measure(const char* name, const std::string& body, double seconds) {
  const std::vector<std::string_view> values = {
      "sk-proj-4f9Q2mZx81LkT0vYw7RbN3cHs6JdGa5E",
      "Bearer sk-proj-4f9Q2mZx81LkT0vYw7RbN3cHs6JdGa5E",
      "ya29.a0AfH6SMBx7-3kPq_LmN0rVtYuIoPaSdFgHjKlZxCvBnM",
      "1//0gLx-4fQ9mZkT8vYw2RbN7cHs1JdGa5Ee"};
  std::vector<Secret> secrets;
  secrets.reserve(values.size());
  for (const auto value : values) secrets.push_back(Secret::copy_of(value));
  const auto forms = policy::ScrubForms::of(secrets);
  std::string out;
  out.reserve(kBody + kPiece);
  const auto scrub = megabytes_per_second(seconds, [&] {
    policy::Scrubber scrubber(forms);
    out.clear();
    for (std::size_t at = 0; at < body.size(); at += kPiece) {
      scrubber.feed(std::string_view(body).substr(at, kPiece), out);
    }
    scrubber.finish(out);
    if (out != body) std::abort();
  });
  const auto copy = megabytes_per_second(seconds, [&] {
    std::memcpy(out.data(), body.data(), body.size());
    if (out[kBody / 2] != body[kBody / 2]) std::abort();
  });
  volatile std::size_t found = 0;
  const auto search = megabytes_per_second(seconds, [&] {
    // A byte that occurs about once a line.
    for (const char* at = body.data(); at != nullptr;) {
      const auto left = static_cast<std::size_t>(body.data() + body.size() - at);
      const auto* hit = static_cast<const char*>(std::memchr(at, '\n', left));
      if (hit != nullptr) found = found + 1;
      at = hit == nullptr ? nullptr : hit + 1;
    }
  });
  (void)std::printf(
      "%-18s scrub %6.0f MB/s   memcpy %6.0f MB/s (1:%.0f)   memchr %6.0f MB/s (1:%.0f)\n",
      name,
      scrub,
      copy,
      copy / scrub,
      search,
      search / scrub);
}

}  // namespace
}  // namespace aivault

int main(int count, char** words) {
  const double seconds = count > 1 ? std::atof(words[1]) : 1.0;
  std::mt19937 random(7);
  using aivault::measure;
  using aivault::random_bytes;
  using aivault::repeated;
  measure(
      "chat completion",
      repeated(
          "data: "
          "{\"id\":\"chatcmpl-9x\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
          "\"delta\":{\"content\":\" the quick brown fox\"},\"finish_reason\":null}]}\n\n",
          random),
      seconds);
  measure("JSON list",
          repeated("{\"name\":\"repository\",\"url\":\"https://api.example.com/v1/repos/"
                   "\",\"private\":false,\"size\":\n",
                   random),
          seconds);
  // Every character begins like an escaped secret.
  measure("JSON in escapes",
          repeated(R"({"text":"\u4f60\u597d\uff0c\u4e16\u754c \u00e9t\u00e9 \"q\""})", random),
          seconds);
  measure("form in escapes", repeated("q=%E4%BD%A0%E5%A5%BD%20%2Fx&", random), seconds);
  measure("Base64",
          random_bytes("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", random),
          seconds);
  measure("hex", random_bytes("0123456789abcdef", random), seconds);
  measure("random bytes", random_bytes("", random), seconds);
  measure("one letter", std::string(aivault::kBody, 'x'), seconds);
  return 0;
}
