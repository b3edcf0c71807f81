// Shapes: results as the command line prints them, and the small steps every handler takes.
// Thread: any.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/desk.h"
#include "admin/operation.h"
#include "audit/event.h"
#include "catalog/provision.h"
#include "json/value.h"
#include "vault/rows.h"
#include "vault/vault.h"

namespace aivault::admin {

json::Value to_json(const vault::SecretRecord& secret);  // Secret
json::Value to_json(const vault::Status& status);        // VaultStatus

json::Value texts(const std::vector<std::string>& list);
// {"items":[...],"next":...}, and "warnings" that name what had to be left out, if anything.
json::Value list_of(json::Value items,
                    json::Value next,
                    const std::vector<vault::Problem>& damaged = {});

void add_warnings(json::Value& object, const std::vector<vault::Problem>& damaged);

Answer shape(json::Value result);
Answer ad_hoc(json::Value result);
Answer changed(Answer answer, std::vector<Answer::Notice> notices = {});
Answer::Notice notice(std::string text);
Answer::Notice warning(std::string text);
// What provisioning did, in the words of the command line.
std::vector<Answer::Notice> notices_of(const std::vector<catalog::Step>& steps);

// Who acts, for every record of a change.
audit::Event who(const Request& request);

// 404 `<sentence>`; 409 `<sentence>`.
tl::unexpected<Error> not_found(std::string sentence);
tl::unexpected<Error> already_exists(std::string sentence);
bool is_damaged_row(const Error& error);

// The vault with its current snapshot; makes a vault where there is none.
struct OpenVault {
  std::shared_ptr<vault::Vault> vault;
  std::shared_ptr<const catalog::Snapshot> snapshot;
};
Result<OpenVault> open_vault(Desk& desk);
std::string database_path(const vault::Vault& vault);

// An id or `vault:secret:<uuid>`; nullopt: neither.
std::optional<SecretId> parse_secret_id(std::string_view text);
std::optional<SecretId> parse_secret_ref(std::string_view text);

}  // namespace aivault::admin
