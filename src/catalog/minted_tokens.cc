#include "catalog/minted_tokens.h"

#include <algorithm>
#include <chrono>

namespace aivault::catalog {
namespace {

constexpr std::chrono::hours kKnown(24);  // Behind its end.
constexpr std::size_t kMaxAll = 16'384;   // Of all uids, revoked ones included.
constexpr std::size_t kMaxUsed = 16'384;

bool is_live(const Token& token, UnixMs now) { return !token.revoked_at && token.expires_at > now; }

}  // namespace

void MintedTokens::forget_old(UnixMs now) {
  std::erase_if(of_hash_, [now](const auto& entry) {
    const auto& token = *entry.second;
    return std::min(token.expires_at, token.revoked_at.value_or(token.expires_at)) + kKnown <= now;
  });
}

Result<void> MintedTokens::add(std::string hash, Token token, UnixMs now) {
  const std::scoped_lock lock(guard_);
  forget_old(now);
  const auto mine = std::ranges::count_if(of_hash_, [&](const auto& entry) {
    return entry.second->uid == token.uid && is_live(*entry.second, now);
  });
  if (mine >= static_cast<std::ptrdiff_t>(kMaxMintedOfUid)) {
    return invalid_request("token_request", "at most 64 live tokens of one user");
  }
  if (of_hash_.size() >= kMaxAll) {
    // Those that have ended already only explain themselves.
    std::erase_if(of_hash_, [now](const auto& entry) { return !is_live(*entry.second, now); });
    if (of_hash_.size() >= kMaxAll) return invalid_request("token_request", "too many live tokens");
  }
  of_hash_.emplace(std::move(hash), std::make_shared<const Token>(std::move(token)));
  return {};
}

std::shared_ptr<const Token> MintedTokens::find(std::string_view hash) const {
  const std::scoped_lock lock(guard_);
  const auto found = of_hash_.find(hash);
  return found == of_hash_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Token>> MintedTokens::list(std::optional<std::int64_t> uid,
                                                             UnixMs now) const {
  const std::scoped_lock lock(guard_);
  std::vector<std::shared_ptr<const Token>> tokens;
  for (const auto& [hash, token] : of_hash_) {
    if ((!uid || token->uid == uid) && is_live(*token, now)) tokens.push_back(token);
  }
  std::ranges::sort(tokens, {}, [](const auto& token) {
    return std::pair(token->created_at, std::string_view(token->id));
  });
  return tokens;
}

bool MintedTokens::revoke(std::string_view id, std::optional<std::int64_t> uid, UnixMs now) {
  const std::scoped_lock lock(guard_);
  for (auto& [hash, token] : of_hash_) {
    if (token->id != id || (uid && token->uid != uid) || !is_live(*token, now)) continue;
    auto revoked = *token;
    revoked.revoked_at = now;
    token = std::make_shared<const Token>(std::move(revoked));
    ++revocations_;
    return true;
  }
  return false;
}

void MintedTokens::revoke_of(const std::vector<std::string>& agents, UnixMs now) {
  std::vector<std::string> ids;
  for (const auto& token : list(std::nullopt, now)) {
    if (token->agent && std::ranges::find(agents, *token->agent) != agents.end()) {
      ids.push_back(token->id);
    }
  }
  for (const auto& id : ids) revoke(id, std::nullopt, now);
}

std::uint64_t MintedTokens::revocations() const {
  const std::scoped_lock lock(guard_);
  return revocations_;
}

void MintedTokens::note_use(std::string id, UnixMs now) {
  const std::scoped_lock lock(guard_);
  if (used_.size() >= kMaxUsed && !used_.contains(id)) used_.clear();
  used_.insert_or_assign(std::move(id), now);
}

std::optional<UnixMs> MintedTokens::last_use(const std::string& id) const {
  const std::scoped_lock lock(guard_);
  const auto found = used_.find(id);
  return found == used_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace aivault::catalog
