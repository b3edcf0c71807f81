#include "tokens/login_state.h"

#include "base/encoding.h"
#include "crypto/hash.h"

namespace aivault::tokens {

LoginState::LoginState(std::array<std::byte, 32> random, Time end)
    : text_(base64(random, Base64::url_unpadded)), end_(end) {}

LoginState::Verdict LoginState::take(std::string_view shown, Time now) {
  if (!crypto::equal(shown, text_)) return Verdict::wrong;
  if (used_) return Verdict::used;
  if (now >= end_) return Verdict::late;
  used_ = true;
  return Verdict::right;
}

}  // namespace aivault::tokens
