// agent_shape: agents and tokens as the command line prints them.
// Thread: any; pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/access.h"
#include "catalog/minted_tokens.h"
#include "json/value.h"

namespace aivault::admin {

// Those that are neither revoked nor expired at the moment.
std::vector<const catalog::Token*> tokens_of(const catalog::Access& access,
                                             const catalog::Agent& agent);
// Agent, keys in documented order. `uses` knows when a token was last used.
json::Value to_json(const catalog::Agent& agent,
                    const std::vector<const catalog::Token*>& tokens,
                    const catalog::MintedTokens& uses);
json::Value to_json(const catalog::Token& token, const catalog::MintedTokens& uses);
// For messages, also of one that cannot be read.
std::string agent_name_of(const catalog::Access& access, std::int64_t uid);

}  // namespace aivault::admin
