// Environment: the variables of the process as they were at start, read by the rules of the
// documentation: text is trimmed and blank means unset; flags know 1 true yes on. The values stay
// where the kernel put them, so that a key taken by KeyVariables is nowhere else.
// Thread: any; constant after construction. The process must not change its environment meanwhile.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aivault::platform {

class Environment {
 public:
  static Environment of_process();
  explicit Environment(std::map<std::string, std::string> variables);

  std::optional<std::string> text(std::string_view name) const;
  bool flag(std::string_view name, bool otherwise = false) const;
  // Made absolute against the working directory at start.
  std::optional<std::string> path(std::string_view name) const;
  std::string absolute(std::string path) const;
  // Names of AIVAULT_DEV_* variables that are set and not blank.
  std::vector<std::string> development_variables() const;
  std::map<std::string, std::string> all() const;  // A copy.

 private:
  Environment();

  std::shared_ptr<const std::map<std::string, std::string>> own_;  // nullptr: of the process.
  std::map<std::string, const char*, std::less<>> values_;
  std::string working_directory_;
};

}  // namespace aivault::platform
