// ArgumentMemory: takes secrets out of the program's arguments, where other users can read them.
// Thread: before any other is started.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace aivault::cli {

// A flag whose value is a secret, or a NAME=VALUE that ends in one.
struct SecretFlag {
  std::string_view name;  // Without the dashes.
  bool has_name = false;
  std::string_view safe_form;  // What a warning recommends instead.
};
std::span<const SecretFlag> secret_flags();

struct ArgumentSecret {
  std::string_view flag;  // A name of secret_flags().
  bool is_named = false;  // There was a NAME=, which stays in the arguments.
  std::string name;       // Trimmed.
  Secret value;
};

// The values of the secret flags before a "--", as `--value TEXT` or `--value=TEXT`, in their
// order. Each is overwritten with the letter x in the argument memory, of the same length, so that
// the parser sees a value.
std::vector<ArgumentSecret> take_argument_secrets(int count, char** arguments);

std::vector<std::string> words_of(int count, char** arguments);  // Without the program's name.

}  // namespace aivault::cli
