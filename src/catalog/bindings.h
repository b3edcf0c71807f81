// Bindings: which secret stands in for a credential's own one, by capability, context and consumer.
// Finding one takes a few hash look-ups however many there are.
// Thread: any; constant once filled.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "vault/rows.h"

namespace aivault::catalog {

class Bindings {
 public:
  // Of two with one key (a capability has got another id meanwhile), the newer one counts.
  void add(vault::BindingRow binding);

  // The best match: group over workspace over global, then of this consumer over of every one.
  // `consumer`: who calls; empty: nobody in particular. nullptr: none.
  const vault::BindingRow* find(std::string_view capability,
                                const vault::Context& context,
                                std::string_view consumer) const;
  std::size_t size() const { return of_key_.size(); }

 private:
  std::unordered_map<std::string, vault::BindingRow> of_key_;
};

}  // namespace aivault::catalog
