// MintedTokens: the proxy tokens that callers asked for themselves, in the memory of one process:
// they end with it. And when each token, these and the stored ones, was last used.
// Thread: any. Errors: invalid_request token_request.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "catalog/access.h"

namespace aivault::catalog {

inline constexpr std::size_t kMaxMintedOfUid = 64;  // Live ones.

class MintedTokens {
 public:
  Result<void> add(std::string hash, Token token, UnixMs now);
  std::shared_ptr<const Token> find(std::string_view hash) const;
  // Of one uid, or of all; live ones, oldest first.
  std::vector<std::shared_ptr<const Token>> list(std::optional<std::int64_t> uid, UnixMs now) const;
  // False: there is none of this uid (of anybody's, without a uid). It stays known as revoked for
  // a day.
  bool revoke(std::string_view id, std::optional<std::int64_t> uid, UnixMs now);

  // Those of agents that are gone.
  void revoke_of(const std::vector<std::string>& agents, UnixMs now);

  // Moves when a token has been revoked.
  std::uint64_t revocations() const;
  void note_use(std::string id, UnixMs now);
  std::optional<UnixMs> last_use(const std::string& id) const;

 private:
  void forget_old(UnixMs now);

  mutable std::mutex guard_;
  std::map<std::string, std::shared_ptr<const Token>, std::less<>> of_hash_;
  std::map<std::string, UnixMs, std::less<>> used_;
  std::uint64_t revocations_ = 0;
};

}  // namespace aivault::catalog
