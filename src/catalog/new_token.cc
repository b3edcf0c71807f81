#include "catalog/new_token.h"

#include <span>

#include "base/encoding.h"
#include "crypto/random.h"
#include "crypto/token.h"

namespace aivault::catalog {

Secret new_token_value() { return crypto::make_token(); }

std::string new_token_id() {
  constexpr std::size_t kIdBytes = 8;
  const auto bytes = crypto::random_bytes();
  return "t" + hex(std::span(bytes).first(kIdBytes));
}

}  // namespace aivault::catalog
