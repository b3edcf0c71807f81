// Access: who may call, as the vault says: agent records, stored proxy tokens and what uids without
// a record may do. A record that cannot be read denies: its uid, or everybody without one.
// Thread: any; constant after construction.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "vault/vault.h"

namespace aivault::catalog {

// For uids without a record. open: every ready capability that needs no grant of its own.
enum class DefaultAccess : std::uint8_t { open, closed };
std::string_view to_string(DefaultAccess access);
std::optional<DefaultAccess> default_access_named(std::string_view name);
inline constexpr std::string_view kAccessSetting = "access";
vault::SettingRow to_row(DefaultAccess access, UnixMs now);

// Of this provider only these credentials may be used.
struct Pin {
  std::string provider, credential;
  bool operator==(const Pin&) const = default;
};

struct Agent {
  std::string id;  // Of its row.
  std::string name;
  std::optional<std::int64_t> uid;  // Unset: it works by token only.
  std::string user;
  std::string workspace, group;
  std::vector<std::string> groups;        // Of its workspace, that it may name.
  std::vector<Pin> credentials;           // Other providers are free.
  std::vector<std::string> capabilities;  // Patterns.
  bool read_only = false;
  std::optional<std::int64_t> rate_per_minute;
  std::optional<UnixMs> expires_at;
  UnixMs created_at, updated_at;
};
Result<Agent> parse_agent(const vault::AgentRow& row);
vault::AgentRow to_row(const Agent& agent);
// Agent names are 1 to 128 of A-Z a-z 0-9 . _ -
Result<void> check_agent_name(std::string_view name);

struct Token {
  std::string id;
  std::optional<std::string> agent;  // Agent::id
  std::optional<std::int64_t> uid;   // Whose alone it is.
  std::vector<std::string> capabilities;
  std::string credential;        // The only one, if any.
  std::vector<Pin> credentials;  // Other providers are free.
  std::map<std::string, std::string> context;
  UnixMs created_at, expires_at;
  std::optional<UnixMs> revoked_at;
  bool hold = false;         // Ends with the connection that asked for it.
  bool self_minted = false;  // Lives in memory only.

  std::string context_value(std::string_view key) const;
};
Result<Token> parse_token(const vault::TokenRow& row);
vault::TokenRow to_row(const Token& token, std::string hash);

class Access {
 public:
  Access() = default;
  static Result<Access> read(vault::Reader& reader, std::vector<vault::Problem>& problems);

  DefaultAccess default_access() const { return default_access_; }
  const std::vector<Agent>& agents() const { return agents_; }  // Sorted by name.
  const Agent* find_agent(std::string_view name) const;
  const Agent* agent_with_id(std::string_view id) const;
  const Agent* agent_of(std::int64_t uid) const;
  // There is a record of this uid that cannot be read.
  bool is_refused(std::int64_t uid) const { return refused_uids_.contains(uid); }
  std::shared_ptr<const Token> find_token(std::string_view hash) const;
  const std::vector<std::shared_ptr<const Token>>& tokens() const { return tokens_; }

 private:
  Result<void> read_agents(vault::Reader& reader, std::vector<vault::Problem>& problems);
  Result<void> read_tokens(vault::Reader& reader, std::vector<vault::Problem>& problems);
  Result<void> read_default(vault::Reader& reader, std::vector<vault::Problem>& problems);

  DefaultAccess default_access_ = DefaultAccess::open;
  std::vector<Agent> agents_;
  std::map<std::int64_t, std::size_t> of_uid_;  // Index into agents_.
  std::set<std::int64_t> refused_uids_;
  std::vector<std::shared_ptr<const Token>> tokens_;
  std::map<std::string, std::shared_ptr<const Token>, std::less<>> of_hash_;
};

}  // namespace aivault::catalog
