#include "cli/argument_memory.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "base/wipe.h"

namespace aivault::cli {
namespace {

constexpr auto kFlags = std::to_array<SecretFlag>({
    {"value", false, "use the prompt, or --value-file"},
    {"entry", true, "use --env-file, which may be - for stdin"},
    {"passphrase", false, "use the prompt, or --passphrase-file"},
    {"new-key", false, "use --new-key-file"},
    {"new-passphrase", false, "use the prompt, or --new-passphrase-file"},
});

Secret take_bytes(char* text, std::size_t size) {
  auto secret = Secret::copy_of(std::string_view(text, size));
  wipe(text, size);
  std::memset(text, 'x', size);
  return secret;
}

ArgumentSecret take(const SecretFlag& flag, char* text, std::size_t size) {
  ArgumentSecret taken{.flag = flag.name, .is_named = false, .name = {}, .value = {}};
  std::size_t before = 0;
  if (flag.has_name) {
    const std::string_view whole(text, size);
    const auto equals = whole.find('=');
    taken.is_named = equals != std::string_view::npos;
    if (taken.is_named) {
      taken.name = trim(whole.substr(0, equals));
      before = equals + 1;
    }
  }
  taken.value = take_bytes(text + before, size - before);
  return taken;
}

// "--value" and "--value=..."; nullptr: another word.
const SecretFlag* flag_of(std::string_view word) {
  if (!word.starts_with("--")) return nullptr;
  const auto name = word.substr(2, word.find('=') - 2);
  const auto* const found = std::ranges::find(kFlags, name, &SecretFlag::name);
  return found == kFlags.end() ? nullptr : found;
}

}  // namespace

std::span<const SecretFlag> secret_flags() { return kFlags; }

std::vector<ArgumentSecret> take_argument_secrets(int count, char** arguments) {
  std::vector<ArgumentSecret> list;
  for (int i = 1; i < count; ++i) {
    const std::string_view word(arguments[i]);
    if (word == "--") break;
    const auto* const flag = flag_of(word);
    if (flag == nullptr) continue;
    if (const auto equals = word.find('='); equals != std::string_view::npos) {
      list.push_back(take(*flag, arguments[i] + equals + 1, word.size() - equals - 1));
    } else if (i + 1 < count) {
      ++i;
      // A leading dash stays: the parser refuses such a word, without having seen the rest.
      const std::string_view text(arguments[i]);
      const std::size_t kept = text.starts_with('-') ? 1 : 0;
      if (text != "--") list.push_back(take(*flag, arguments[i] + kept, text.size() - kept));
    }
  }
  return list;
}

std::vector<std::string> words_of(int count, char** arguments) {
  std::vector<std::string> words;
  for (int i = 1; i < count; ++i) words.emplace_back(arguments[i]);
  return words;
}

}  // namespace aivault::cli
