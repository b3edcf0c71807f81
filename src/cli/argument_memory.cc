#include "cli/argument_memory.h"

#include <cstring>
#include <string_view>

#include "base/wipe.h"

namespace aivault::cli {
namespace {

constexpr std::string_view kFlag = "--value";

Secret take(char* text, std::size_t size) {
  auto secret = Secret::copy_of(std::string_view(text, size));
  wipe(text, size);
  std::memset(text, 'x', size);  // The length stays, so that the parser sees a value.
  return secret;
}

}  // namespace

std::optional<Secret> take_argument_value(int count, char** arguments) {
  std::optional<Secret> value;
  for (int i = 1; i < count; ++i) {
    const std::string_view word(arguments[i]);
    if (word == "--") break;
    if (word.starts_with(kFlag) && word.substr(kFlag.size()).starts_with('=')) {
      const auto before = kFlag.size() + 1;
      value = take(arguments[i] + before, word.size() - before);
    } else if (word == kFlag && i + 1 < count) {
      ++i;
      // A leading dash stays: the parser refuses such a word, without having seen the rest.
      const std::string_view text(arguments[i]);
      const std::size_t kept = text.starts_with('-') ? 1 : 0;
      if (text != "--") value = take(arguments[i] + kept, text.size() - kept);
    }
  }
  return value;
}

std::vector<std::string> words_of(int count, char** arguments) {
  std::vector<std::string> words;
  for (int i = 1; i < count; ++i) words.emplace_back(arguments[i]);
  return words;
}

}  // namespace aivault::cli
