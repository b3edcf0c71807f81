// init, unlock, lock, rotate-master and recover: what becomes of the master key.
#include <array>
#include <chrono>

#include "cli/before_asking.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_provider_flags.h"
#include "cli/moment.h"
#include "cli/render_parts.h"
#include "cli/vault_header.h"

namespace aivault::cli {
namespace {

using json::Value;

constexpr auto kAsText = Client::Form::characters;
constexpr std::chrono::days kLongestUnlock{365};
constexpr std::string_view kInit = "/aivault/vault/init";
constexpr std::string_view kUnlock = "/aivault/vault/unlock";
constexpr std::string_view kRotate = "/aivault/vault/rotate-master";

bool is_passphrase_vault(const Value& status) {
  return text_in(status, "providerType") == "passphrase";
}

struct NewKey {
  std::string_view key;  // "newKey"; empty: none was given.
  Secret value;
};

// The one of the four sources that was given.
Result<NewKey> read_new_key(Session& session, const Arguments& arguments) {
  const SecretSource key{.text_flag = "new-key", .file_flag = "new-key-file", .what = "key"};
  const auto passphrase = new_vault_passphrase("new-passphrase", "new-passphrase-file");
  int count = 0;
  for (const auto flag : {"new-key", "new-key-file", "new-passphrase", "new-passphrase-file"}) {
    if (arguments.has(flag)) ++count;
  }
  if (count > 1) {
    return invalid_request("",
                           "provide only one of --new-key or --new-passphrase, each as text or "
                           "as a file");
  }
  NewKey given;
  if (is_given(session, arguments, key)) {
    TRY_ASSIGN(given.value, read_secret(session, arguments, key));
    given.key = "newKey";
  } else if (is_given(session, arguments, passphrase)) {
    TRY_ASSIGN(given.value, read_secret(session, arguments, passphrase));
    given.key = "newPassphrase";
  }
  return given;
}

// The vault is, or becomes, one with a passphrase.
Result<bool> needs_passphrase(Client& client, const Arguments& arguments) {
  if (const auto provider = arguments.text("provider")) return *provider == "passphrase";
  TRY_ASSIGN(const auto status, client.get("/aivault/vault"));
  return is_passphrase_vault(status);
}

}  // namespace

Result<int> run_init(Session& session, const Arguments& arguments) {
  auto body = Value::object();
  add_key_provider(session, arguments, body);
  if (!arguments.has("provider")) body.set("provider", "file");
  auto source = new_vault_passphrase("passphrase", "passphrase-file");
  source.missing = "--passphrase is required for --provider passphrase";
  const bool is_passphrase = arguments.text("provider") == "passphrase";
  if (!is_passphrase && !is_given(session, arguments, source)) {
    TRY_ASSIGN(auto client, Client::in_private_child(session));
    return print_result(
        session, client.change(session, "POST", std::string(kInit), body), json::Order::as_built);
  }
  if (!is_passphrase) {
    return invalid_request("", "--passphrase belongs to --provider passphrase");
  }
  TRY_ASSIGN(const auto passphrase, read_secret(session, arguments, source));
  TRY_ASSIGN(auto client, Client::in_private_child(session));
  return print_result(session,
                      client.change_with_secret(
                          "POST", std::string(kInit), body, "passphrase", passphrase, kAsText),
                      json::Order::as_built);
}

Result<int> run_unlock(Session& session, const Arguments& arguments) {
  const SecretSource source{.text_flag = "passphrase",
                            .file_flag = "passphrase-file",
                            .what = "passphrase",
                            .prompt = "Passphrase of the vault"};
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  // Another provider has nothing to unlock, and no vault either: no daemon is started for that.
  const auto header = read_vault_header(routes.places.vault_root);
  const bool may_be_locked =
      header ? header->provider == "passphrase" : vault_exists(routes.places.vault_root);
  if (!may_be_locked) {
    TRY_ASSIGN(auto client, Client::for_operator(session));
    TRY_ASSIGN(const auto status, client.get("/aivault/vault"));
    if (!is_true_in(status, "enabled")) return vault_unavailable("", "vault not enabled");
    if (!is_passphrase_vault(status)) {
      session.print_json(status);
      return kSuccess;
    }
  }
  // A daemon that stays is not started for what cannot work.
  Secret passphrase;
  if (may_be_locked && header) {
    const auto time = arguments.text("for");
    const auto length = time ? parse_duration(*time) : std::nullopt;
    if (length && (length->count() <= 0 || *length > kLongestUnlock)) {
      return invalid_request("", "--for must be more than 0 and at most a year");
    }
    if (is_given(session, arguments, source) || !session.can_ask()) {
      TRY_ASSIGN(passphrase, read_secret(session, arguments, source));
    }
  }
  TRY_ASSIGN(auto client, Client::of_lasting_daemon(session, Client::Stay::until_locked));
  TRY_ASSIGN(const auto status, client.get("/aivault/vault"));
  if (!is_true_in(status, "enabled")) return vault_unavailable("", "vault not enabled");
  if (!is_passphrase_vault(status)) {
    session.print_json(status);
    return kSuccess;
  }
  if (passphrase.empty()) {
    TRY_ASSIGN(passphrase, read_secret(session, arguments, source));
  }
  auto body = Value::object();
  if (const auto time = arguments.text("for")) {
    body.set("forMs", std::int64_t{parse_duration(*time)->count()});  // Checked by the parser.
  }
  return print_result(session,
                      client.change_with_secret(
                          "POST", std::string(kUnlock), body, "passphrase", passphrase, kAsText),
                      json::Order::as_built);
}

Result<int> run_lock(Session& session, const Arguments& /*arguments*/) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  return print_result(
      session, client.change(session, "POST", "/aivault/vault/lock"), json::Order::as_built);
}

Result<int> run_rotate_master(Session& session, const Arguments& arguments) {
  auto body = Value::object();
  add_key_provider(session, arguments, body);
  TRY_ASSIGN(auto given, read_new_key(session, arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  if (given.key.empty() && session.can_ask()) {
    TRY(check_vault(client, session, NoVault::refused));
    TRY_ASSIGN(const bool ask, needs_passphrase(client, arguments));
    if (ask) {
      TRY_ASSIGN(given.value, ask_secret(session, new_vault_passphrase({}, {})));
      given.key = "newPassphrase";
    }
  }
  const std::string target(kRotate);
  if (given.key.empty()) {
    return print_result(
        session, client.change(session, "POST", target, body), json::Order::as_built);
  }
  return print_result(
      session,
      client.change_with_secret("POST", target, body, given.key, given.value, kAsText),
      json::Order::as_built);
}

Result<int> run_recover(Session& session, const Arguments& arguments) {
  const bool accept = arguments.has("accept");
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  const auto header = read_vault_header(routes.places.vault_root);
  const SecretSource source{
      .file_flag = "passphrase-file", .what = "passphrase", .prompt = "Passphrase of the vault"};
  Secret passphrase;
  if (arguments.has("passphrase-file") || (header && header->provider == "passphrase")) {
    TRY_ASSIGN(passphrase, read_secret(session, arguments, source));
  }
  const std::array<SecretMember, 1> members{
      SecretMember{"passphrase", passphrase.empty() ? nullptr : &passphrase}};
  const auto body = Value::object({{"accept", accept}});
  TRY_ASSIGN(const auto document, body_with_secrets(body, members));
  TRY_ASSIGN(auto client, Client::in_private_child(session));
  const Upload upload{.secret = &document};
  TRY_ASSIGN(const auto report, client.change_with_body("POST", "/aivault/vault/recover", upload));
  session.print_json(report, json::Order::alphabetical);
  const bool is_damaged = is_true_in(report, "damaged");
  if (!accept && is_damaged) {
    session.notice("Nothing was changed. To do it: aivault recover --accept");
  }
  return kSuccess;
}

}  // namespace aivault::cli
