// KeyVariables: keys that came in environment variables. What is taken is wiped from the
// environment, so that it stays neither in the process's block of variables (/proc/PID/environ)
// nor in anything that copies it later.
// Thread: any, but the first take of a name while no other thread reads the environment.
// Errors: none; a variable that is not there, or too long to be a key, has no value.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace aivault::platform {

class KeyVariables {
 public:
  // A letter or '_', then letters, digits and '_'; at most 128 bytes.
  static bool is_name(std::string_view name);

  // Moves the value out of the environment, if the name is one and it is set.
  void take(const std::string& name);
  // A copy of the value; taken first if it was not yet.
  std::optional<Secret> value(const std::string& name);

 private:
  std::mutex guard_;
  std::map<std::string, Secret, std::less<>> values_;
};

}  // namespace aivault::platform
