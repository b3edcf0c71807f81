// names: gives every imported secret names that are its own in its scope: of equal names the
// secret updated last keeps it, others get "~2", "~3", ....
// Thread: any; pure.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "vault/scope.h"

namespace aivault::format1 {

struct Named {
  std::string id;
  vault::Scope scope;  // As it is today.
  std::string name;
  std::vector<std::string> aliases;
  UnixMs updated_at;
};

// Changes names and aliases in place; an alias that repeats the name of its own secret goes.
void give_own_names(std::vector<Named*> secrets);

}  // namespace aivault::format1
