#include "catalog/access.h"

#include <algorithm>

#include "base/text.h"
#include "catalog/access_rows.h"
#include "json/write.h"

namespace aivault::catalog {

std::string_view to_string(DefaultAccess access) {
  return access == DefaultAccess::open ? "open" : "closed";
}

std::optional<DefaultAccess> default_access_named(std::string_view name) {
  if (name == "open") return DefaultAccess::open;
  if (name == "closed") return DefaultAccess::closed;
  return std::nullopt;
}

std::string Token::context_value(std::string_view key) const {
  const auto found = context.find(std::string(key));
  return found == context.end() ? std::string() : found->second;
}

Result<Access> Access::read(vault::Reader& reader, std::vector<vault::Problem>& problems) {
  Access access;
  TRY(access.read_default(reader, problems));
  TRY(access.read_agents(reader, problems));
  TRY(access.read_tokens(reader, problems));
  return access;
}

// A setting that cannot be read may have been `closed`.
Result<void> Access::read_default(vault::Reader& reader, std::vector<vault::Problem>& problems) {
  const auto row = reader.setting(kAccessSetting);
  if (!row && row.error().reason != "row_integrity") return fail(row.error());
  const auto close = [&](const std::string& message) {
    default_access_ = DefaultAccess::closed;
    problems.push_back({"setting", std::string(kAccessSetting), message});
  };
  if (!row) {
    close(row.error().message);
  } else if (*row) {
    const auto parsed = parse_default_access((*row)->body);
    if (parsed) default_access_ = *parsed;
    if (!parsed) close(parsed.error().message);
  }
  return {};
}

Result<void> Access::read_agents(vault::Reader& reader, std::vector<vault::Problem>& problems) {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto rows, reader.agents(damaged));
  for (const auto& row : rows) {
    auto agent = parse_agent(row);
    if (agent) {
      agents_.push_back(*std::move(agent));
    } else {
      damaged.push_back({"agent", row.id(), agent.error().message});
    }
  }
  for (auto& problem : damaged) {
    if (const auto uid = vault::uid_of_agent(problem.id)) refused_uids_.insert(*uid);
    problems.push_back(std::move(problem));
  }
  std::ranges::sort(agents_, {}, &Agent::name);
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    if (agents_[i].uid) of_uid_.emplace(*agents_[i].uid, i);
  }
  return {};
}

Result<void> Access::read_tokens(vault::Reader& reader, std::vector<vault::Problem>& problems) {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto rows, reader.tokens(damaged));
  for (const auto& row : rows) {
    auto parsed = parse_token(row);
    if (!parsed) {
      damaged.push_back({"token", row.id, parsed.error().message});
      continue;
    }
    auto token = std::make_shared<const Token>(*std::move(parsed));
    if (!row.hash.empty()) of_hash_.emplace(row.hash, token);
    tokens_.push_back(std::move(token));
  }
  std::ranges::move(damaged, std::back_inserter(problems));
  return {};
}

const Agent* Access::find_agent(std::string_view name) const {
  const auto found = std::ranges::lower_bound(
      agents_, name, {}, [](const Agent& agent) { return std::string_view(agent.name); });
  return found != agents_.end() && found->name == name ? &*found : nullptr;
}

const Agent* Access::agent_with_id(std::string_view id) const {
  const auto* found = find_agent(vault::name_of_agent(id));
  return found != nullptr && found->id == id ? found : nullptr;
}

const Agent* Access::agent_of(std::int64_t uid) const {
  const auto found = of_uid_.find(uid);
  return found == of_uid_.end() ? nullptr : &agents_[found->second];
}

std::shared_ptr<const Token> Access::find_token(std::string_view hash) const {
  const auto found = of_hash_.find(hash);
  return found == of_hash_.end() ? nullptr : found->second;
}

}  // namespace aivault::catalog
