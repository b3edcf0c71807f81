#include "admin/attention.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "admin/shapes.h"

namespace aivault::admin {
namespace {

using std::chrono::days;
using vault::Problem;

constexpr std::size_t kPage = 1000;
constexpr std::size_t kMaxDue = 1000;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string text_of_due(const vault::SecretRecord& secret, UnixMs at) {
  if (secret.expires_at && *secret.expires_at <= at) {
    return "secret " + secret.name + " has expired";
  }
  if (secret.expires_at && *secret.expires_at - at <= kExpiryNotice) {
    const auto left = std::chrono::ceil<days>(*secret.expires_at - at).count();
    return "secret " + secret.name + " expires in " + std::to_string(left) +
           (left == 1 ? " day" : " days");
  }
  return "secret " + secret.name + " is due for rotation (every " +
         std::to_string(secret.rotate_every_days.value_or(0)) + " days)";
}

// Rows that the vault has refused are known to several; each is named once.
void add(Problem problem, std::vector<Problem>& all) {
  const bool listed = std::ranges::any_of(all, [&](const Problem& other) {
    return other.id == problem.id && other.kind == problem.kind;
  });
  if (!listed) all.push_back(std::move(problem));
}

Result<void> look_at_secrets(vault::Vault& vault, Look look, std::vector<Problem>& damaged) {
  std::optional<vault::Reader::After> after;
  for (;;) {
    TRY_ASSIGN(const auto page, vault::read(vault, [&](vault::Reader& reader) {
                 return reader.secrets({}, after, kPage, damaged);
               }));
    if (page.size() < kPage || look == Look::first) return {};
    after = vault::Reader::After{page.back().name, page.back().id.str()};
  }
}

Result<void> add_due(vault::Vault& vault, Attention& found, std::vector<Problem>& damaged) {
  TRY_ASSIGN(const auto due, vault::read(vault, [&](vault::Reader& reader) {
               return reader.due_secrets(now(), kExpiryNotice, kMaxDue, damaged);
             }));
  for (const auto& secret : due.secrets) {
    found.due.push_back({"secret", secret.id.str(), text_of_due(secret, due.at)});
  }
  if (due.more) found.due.push_back({"vault", "secrets", "more secrets are due"});
  return {};
}

template <typename Row>
bool is_there(const Result<std::optional<Row>>& row) {
  return row ? row->has_value() : is_damaged_row(row.error());
}

// What was refused once may have been deleted since.
bool still_matters(vault::Reader& reader, const Problem& problem) {
  if (problem.kind == "secret") {
    const auto secret = reader.secret(SecretId(problem.id));
    return secret ? *secret && !(*secret)->revoked_at : is_damaged_row(secret.error());
  }
  if (problem.kind == "credential") return is_there(reader.credential(problem.id));
  if (problem.kind == "capability") return is_there(reader.capability(problem.id));
  if (problem.kind == "policy") return is_there(reader.policy(problem.id));
  if (problem.kind == "provider") return is_there(reader.provider(problem.id));
  return true;
}

Result<void> add_refused(vault::Vault& vault, std::vector<Problem>& records) {
  auto refused = vault.problems();
  if (refused.empty()) return {};
  return vault.read([&](vault::Reader& reader) -> Result<void> {
    for (auto& problem : refused) {
      if (still_matters(reader, problem)) add(std::move(problem), records);
    }
    return {};
  });
}

void add_credentials(const catalog::Snapshot& snapshot, std::vector<Problem>& records) {
  using catalog::CredentialState;
  for (const auto& credential : snapshot.credentials()) {
    switch (credential.state) {
      case CredentialState::ready:
      case CredentialState::disabled:
      case CredentialState::damaged: break;  // The last are among the snapshot's problems.
      case CredentialState::needs_secret:
      case CredentialState::needs_host:
      case CredentialState::needs_param:
      case CredentialState::invalid_secret:
        add({"credential", credential.id, credential.state_detail}, records);
        break;
    }
  }
}

}  // namespace

Result<Attention> find_attention(Desk& desk, vault::Vault& vault, Look look) {
  Attention found;
  TRY_ASSIGN(const auto snapshot, desk.catalog.current(vault));
  for (const auto& problem : snapshot->problems()) add(problem, found.records);
  std::vector<Problem> damaged;
  TRY(look_at_secrets(vault, look, damaged));
  TRY(add_due(vault, found, damaged));
  for (auto& problem : damaged) add(std::move(problem), found.records);
  TRY(add_refused(vault, found.records));
  add_credentials(*snapshot, found.records);
  if (desk.notices != nullptr) {
    for (auto& [id, sentence] : desk.notices->all()) {
      if (snapshot->find_credential(id) != nullptr) {
        add({"credential", id, std::move(sentence)}, found.records);
      }
    }
  }
  return found;
}

}  // namespace aivault::admin
