#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/provider_choice.h"
#include "admin/shapes.h"
#include "base/encoding.h"
#include "vault/backup.h"
#include "vault/restore.h"

namespace aivault::admin {
namespace {

using Kind = vault::ProviderChoice::Kind;

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

Result<Secret> archive_passphrase(const Body& body) {
  TRY_ASSIGN(auto passphrase, body.secret("passphrase"));
  if (!passphrase) return invalid("an archive needs a passphrase");
  return *std::move(passphrase);
}

std::string segments_notice(std::int64_t files, const std::string& root) {
  return std::to_string(files) + " older files of the audit are not in the archive; copy '" + root +
         "/audit' as well";
}

// The vault's own passphrase: the one given for it, else that of the archive.
Result<std::optional<vault::ProviderChoice>> provider_of(const Body& body,
                                                         const Secret& archive,
                                                         const std::optional<Secret>& own) {
  if (!body.has("provider")) {
    for (const auto* key : {"envVar",
                            "filePath",
                            "credentialName",
                            "keyDescription",
                            "keychainService",
                            "keychainAccount"}) {
      if (body.has(key)) return invalid("'" + std::string(key) + "' needs 'provider'");
    }
    return std::optional<vault::ProviderChoice>();
  }
  TRY_ASSIGN(auto choice, provider_choice(body, Kind::file));
  if (choice.kind == Kind::passphrase) {
    choice.passphrase = own ? own->clone() : archive.clone();
    TRY(check_new_passphrase(*choice.passphrase));
  }
  return std::optional(std::move(choice));
}

}  // namespace

Result<Answer> backup_vault(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"passphrase", "withoutKey"}));
  TRY_ASSIGN(const auto passphrase, archive_passphrase(body));
  TRY(check_new_passphrase(passphrase));
  TRY_ASSIGN(const bool without_key, body.flag("withoutKey"));
  TRY_ASSIGN(const auto vault, desk.slot.get());
  const vault::BackupRequest backup{
      .passphrase = passphrase,
      .key = without_key ? vault::ArchivedKey::left_out : vault::ArchivedKey::included,
      .program_version = desk.facts.version,
      .who = who(request),
      .goes_on = request.stream.is_wanted};
  TRY_ASSIGN(const auto done, vault->backup(backup, request.stream.send));
  Answer answer;
  answer.trailers = {{"x-aivault-sha256", done.sha256},
                     {"x-aivault-secrets", std::to_string(done.secrets)}};
  if (done.archived_segments > 0) {
    answer.trailers.emplace_back(
        "x-aivault-notice", percent_encode(segments_notice(done.archived_segments, vault->root())));
  }
  return answer;
}

Result<Answer> restore_vault(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request,
                        {"passphrase",
                         "newPassphrase",
                         "force",
                         "provider",
                         "envVar",
                         "filePath",
                         "credentialName",
                         "keyDescription",
                         "keychainService",
                         "keychainAccount"}));
  TRY_ASSIGN(const auto passphrase, archive_passphrase(body));
  TRY_ASSIGN(const auto own, body.secret("newPassphrase"));
  TRY_ASSIGN(const bool force, body.flag("force"));
  TRY_ASSIGN(auto provider, provider_of(body, passphrase, own));
  desk.slot.close();
  const vault::RestoreRequest restore{
      .options = desk.slot.options(),
      .source = request.stream.receive,
      .passphrase = passphrase,
      .provider = std::move(provider),
      .vault_passphrase = own ? &*own : nullptr,
      .existing = force ? vault::ExistingVault::move_aside : vault::ExistingVault::refuse,
      .who = who(request)};
  TRY_ASSIGN(const auto restored, vault::restore(restore));
  std::vector<Answer::Notice> notices;
  for (const auto& text : restored.notices) notices.push_back(notice(text));
  return changed(shape(to_json(restored.status)), std::move(notices));
}

}  // namespace aivault::admin
