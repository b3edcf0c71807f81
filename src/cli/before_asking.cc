#include "cli/before_asking.h"

#include "cli/render_parts.h"

namespace aivault::cli {

Result<void> check_vault(Client& client, const Session& session, NoVault without) {
  TRY_ASSIGN(const auto status, client.get("/aivault/vault"));
  if (!is_true_in(status, "enabled")) {
    if (without == NoVault::is_made) return {};
    return vault_unavailable("", "vault not enabled");
  }
  const bool is_locked =
      is_true_in(status, "locked") && text_in(status, "providerType") == "passphrase";
  if (!is_locked || (client.reached().is_private && session.can_ask())) return {};
  return vault_unavailable("vault_locked", "vault locked; run `aivault unlock`");
}

Result<void> check_before_asking(Session& session,
                                 const Arguments& arguments,
                                 const SecretSource& source,
                                 NoVault without) {
  if (is_given(session, arguments, source) || !session.can_ask()) return {};
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return check_vault(client, session, without);
}

}  // namespace aivault::cli
