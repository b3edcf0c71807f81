// Authority: what one caller may do at this moment: its token, the agent that the token is of, and
// what its uid may do without one; each of them narrows, none widens.
// Thread: any; constant once made. Errors: token_invalid, policy_violation (agent_not_registered,
// agent_expired, context_not_allowed, token_credential), credential_not_found.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "catalog/minted_tokens.h"
#include "catalog/snapshot.h"
#include "registry/definition.h"
#include "vault/scope.h"

namespace aivault::catalog {

// Who asks, as the kernel and the door say.
struct Asker {
  std::int64_t uid = -1;
  std::string_view user;  // Its name in the password database; empty: it has none.
  bool operates = false;  // The operator's uid, at a door where that counts.
  bool remote = false;    // Over TCP: a token is needed, and one of this uid.
};

class Authority {
 public:
  // Why a capability may not be invoked. hidden: the caller does not learn that it exists.
  enum class Judgement : std::uint8_t { granted, hidden, outside_token, not_granted };

  bool is_operator() const { return peer_ == Peer::operator_uid && !token_ && agent_ == nullptr; }
  Judgement judge(const registry::Capability& capability) const;
  bool grants(const registry::Capability& capability) const {
    return judge(capability) == Judgement::granted;
  }
  // May it hand on this pattern? For self-minted tokens.
  bool holds(std::string_view pattern) const;

  // The context of a call that states this much.
  Result<vault::Context> context(std::string_view workspace, std::string_view group) const;
  // Could the scope of a credential be reached in some context?
  bool reaches(const vault::Scope& scope) const;

  // The credential that a call must use for this provider, if the token says so.
  std::optional<std::string> pinned(std::string_view provider) const;
  Result<void> check_credential(std::string_view id, std::string_view provider) const;

  bool is_read_only() const;
  struct Rate {
    std::string agent;
    std::int64_t per_minute = 0;
  };
  std::vector<Rate> rates() const;
  std::optional<UnixMs> expires_at() const;  // The first of what it rests on.

  // For records: the agent whose rights these are (the token's, else the uid's); nullptr: none.
  const Agent* agent() const { return token_agent_ != nullptr ? token_agent_ : agent_; }
  const Token* token() const { return token_.get(); }
  const std::shared_ptr<const Snapshot>& snapshot() const { return snapshot_; }

 private:
  friend Result<Authority> authority_of(std::shared_ptr<const Snapshot>,
                                        const Asker&,
                                        std::shared_ptr<const Token>,
                                        UnixMs);
  enum class Peer : std::uint8_t { operator_uid, agent, member };
  struct Layer;
  std::vector<Layer> layers() const;

  std::shared_ptr<const Snapshot> snapshot_;  // Owns the agents.
  std::shared_ptr<const Token> token_;
  const Agent* token_agent_ = nullptr;
  const Agent* agent_ = nullptr;  // Of the uid.
  Peer peer_ = Peer::member;
};

// Pure. `token`: the one that was presented, found; nullptr: none was.
Result<Authority> authority_of(std::shared_ptr<const Snapshot> snapshot,
                               const Asker& asker,
                               std::shared_ptr<const Token> token,
                               UnixMs now);

// The same for a token as it was presented; looked up by its hash.
Result<Authority> find_authority(vault::Vault& vault,
                                 MintedTokens& minted,
                                 std::shared_ptr<const Snapshot> snapshot,
                                 const Asker& asker,
                                 const Secret* token,
                                 UnixMs now);

}  // namespace aivault::catalog
