#include "format1/names.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace aivault::format1 {
namespace {

// The names of one scope.
class Register {
 public:
  void announce(const std::string& name) { original_.insert(name); }

  std::string give(const std::string& wanted) {
    if (taken_.insert(wanted).second) return wanted;
    // Not one that another secret brings along, either.
    for (auto& number = next_.emplace(wanted, 2).first->second;; ++number) {
      auto name = wanted + "~" + std::to_string(number);
      if (!original_.contains(name) && taken_.insert(name).second) return name;
    }
  }

 private:
  std::set<std::string> original_, taken_;
  std::map<std::string, int> next_;
};

}  // namespace

void give_own_names(std::vector<Named*> secrets) {
  std::map<vault::Scope, Register> registers;
  for (auto* secret : secrets) {
    std::erase(secret->aliases, secret->name);
    auto& names = registers[secret->scope];
    names.announce(secret->name);
    for (const auto& alias : secret->aliases) names.announce(alias);
  }
  std::ranges::sort(secrets, [](const Named* a, const Named* b) {
    return std::tuple(-to_int(a->updated_at), a->id) < std::tuple(-to_int(b->updated_at), b->id);
  });
  for (auto* secret : secrets) {
    auto& names = registers[secret->scope];
    secret->name = names.give(secret->name);
    for (auto& alias : secret->aliases) alias = names.give(alias);
  }
}

}  // namespace aivault::format1
