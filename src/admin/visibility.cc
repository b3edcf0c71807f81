#include "admin/visibility.h"

#include <algorithm>
#include <chrono>

#include "admin/shapes.h"

namespace aivault::admin {

Result<catalog::Authority> authority_of(Desk& desk, const Request& request) {
  TRY_ASSIGN(auto open, open_vault(desk));
  const auto& actor = request.actor;
  const catalog::Asker asker{
      .uid = actor.uid, .user = actor.user, .operates = actor.operates, .remote = actor.remote};
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return catalog::find_authority(*open.vault,
                                 desk.catalog.minted(),
                                 std::move(open.snapshot),
                                 asker,
                                 request.token.get(),
                                 now);
}

bool may_invoke(const catalog::Authority& authority, const registry::Capability& capability) {
  const auto& snapshot = *authority.snapshot();
  if (!authority.grants(capability)) return false;
  if (snapshot.is_disabled(capability.id) || snapshot.is_refused(capability.id)) return false;
  return std::ranges::any_of(snapshot.credentials(), [&](const catalog::Credential& credential) {
    return credential.provider == capability.provider &&
           credential.state == catalog::CredentialState::ready &&
           authority.reaches(credential.scope) &&
           authority.check_credential(credential.id, credential.provider);
  });
}

}  // namespace aivault::admin
