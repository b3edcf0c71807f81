// backup, restore and import: the vault as a file, and from one.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/running_digest.h"
#include "base/text.h"
#include "cli/before_asking.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/key_provider_flags.h"
#include "cli/new_file.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "cli/render_parts.h"
#include "cli/secret_input.h"
#include "cli/vault_header.h"
#include "http/percent.h"

namespace aivault::cli {
namespace {

using json::Value;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr auto kAsText = Client::Form::characters;
constexpr seconds kLeaveLimit{12};  // A daemon gives its running calls ten.

SecretSource archive_passphrase(Ask ask) {
  return {
      .file_flag = "passphrase-file",
      .what = "passphrase",
      .prompt = ask == Ask::twice ? "New passphrase of the archive" : "Passphrase of the archive",
      .ask = ask};
}

struct Archive {
  platform::Descriptor file;
  std::uint64_t size = 0;
};

Result<Archive> open_archive(const std::string& path) {
  const auto failed = [&path](const char* why) {
    return invalid_request("", "cannot read '" + path + "': " + why);
  };
  Archive archive;
  archive.file =
      platform::Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status{};
  if (!archive.file || fstat(archive.file.get(), &status) != 0) {
    return failed(std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) return failed("it is not a regular file");
  archive.size = static_cast<std::uint64_t>(status.st_size);
  return archive;
}

// A daemon that serves this vault would work on with what is being replaced.
Result<void> ask_daemon_to_leave(Session& session, const Routes& routes) {
  if (session.environment().flag("AIVAULTD_DISABLE")) return {};
  auto attempt = connect_to_any({routes.first, std::nullopt, routes.places});
  if (attempt.is_final) return vault_unavailable("", std::move(attempt.failure));
  if (!attempt.reached || attempt.reached->uid != std::int64_t{geteuid()}) return {};
  auto client = Client::at(session, *std::move(attempt.reached));
  if (!client && is_going_away(client.error())) return {};
  if (!client) return fail(client.error());
  if (!client->serves(routes.places.vault_root)) return {};
  TRY(client->change(session, "POST", "/aivault/shutdown", Value::object({{"mode", "exit"}})));
  session.notice("The daemon on this vault was asked to leave; the next call starts it again");
  const auto deadline = steady_clock::now() + kLeaveLimit;
  while (is_locked(routes.first.socket)) {
    if (steady_clock::now() >= deadline) {
      return vault_unavailable("", "the daemon on this vault does not leave");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return {};
}

// "u32 length, JSON": the beginning of a framed upload.
std::string frame_of(std::size_t size) {
  std::string frame;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    frame += static_cast<char>((size >> shift) & 0xFFU);
  }
  return frame;
}

// Of the restored vault, where it has one; empty: none was given, and the daemon knows what then.
Result<Secret> read_own_passphrase(Session& session, const Arguments& arguments) {
  const auto source = new_vault_passphrase({}, "new-passphrase-file");
  const bool may_ask = session.can_ask() && arguments.text("provider") == "passphrase";
  if (!may_ask && !is_given(session, arguments, source)) return Secret();
  return read_secret(session, arguments, source);
}

// Trying an import changes nothing: it makes no vault either.
Result<void> check_there_is_a_vault(const Session& session) {
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  if (vault_exists(routes.places.vault_root)) return {};
  return vault_unavailable("",
                           "vault not enabled; run `aivault init` first, or import without "
                           "--dry-run");
}

struct SourceKey {
  std::string_view key;  // "key" or "passphrase"; empty: the source needs none.
  Secret value;
};

Result<SourceKey> from_variable(Session& session, const std::string& name) {
  const auto text = session.environment().text(name);
  if (text) return SourceKey{"key", Secret::copy_of(*text)};
  return invalid_request("", "the variable '" + quote_for_message(name) + "' is not set");
}

// What opens the old vault: a flag, else what its own provider says.
Result<SourceKey> read_source_key(Session& session,
                                  const Arguments& arguments,
                                  const std::string& directory) {
  SecretSource passphrase{.file_flag = "passphrase-file",
                          .what = "passphrase",
                          .prompt = "Passphrase of the vault in " + quote_for_message(directory)};
  const int count = int{arguments.has("key-file")} + int{arguments.has("key-env")} +
                    int{arguments.has("passphrase-file")};
  if (count > 1) {
    return invalid_request("", "provide only one of --key-file, --key-env and --passphrase-file");
  }
  if (arguments.has("key-file")) {
    const SecretSource key{.file_flag = "key-file", .what = "key"};
    TRY_ASSIGN(auto value, read_secret(session, arguments, key));
    return SourceKey{"key", std::move(value)};
  }
  if (const auto name = arguments.text("key-env")) return from_variable(session, *name);
  const auto header = read_vault_header(directory);
  const bool has_passphrase = header && header->provider == "passphrase";
  if (arguments.has("passphrase-file") || has_passphrase) {
    TRY_ASSIGN(auto value, read_secret(session, arguments, passphrase));
    return SourceKey{"passphrase", std::move(value)};
  }
  if (header && !header->key_variable.empty()) return from_variable(session, header->key_variable);
  return SourceKey{};
}

}  // namespace

Result<int> run_backup(Session& session, const Arguments& arguments) {
  const auto output = session.environment().absolute(arguments.text_or("output", ""));
  const auto existing = arguments.has("force") ? Existing::replaced : Existing::refused;
  TRY(NewFile::check(output, existing));
  const auto source = archive_passphrase(Ask::twice);
  TRY(check_before_asking(session, arguments, source, NoVault::refused));
  TRY_ASSIGN(const auto passphrase, read_secret(session, arguments, source));
  auto body = Value::object();
  if (arguments.has("without-key")) body.set("withoutKey", true);
  const std::array<SecretMember, 1> members{SecretMember{"passphrase", &passphrase}};
  TRY_ASSIGN(const auto document, body_with_secrets(body, members));
  const auto begin = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(auto file, NewFile::create(output, existing));
  RunningDigest received;
  Progress progress(session, "backup");
  const auto take = [&](std::string_view bytes) -> Result<void> {
    received.add(bytes);
    TRY(file.write(bytes));
    progress.at(file.size());
    return {};
  };
  const Upload upload{.secret = &document};
  TRY_ASSIGN(const auto trailers, client.download("POST", "/aivault/vault/backup", &upload, take));
  progress.finish();
  if (const auto text = http::percent_decode(trailer(trailers, "x-aivault-notice"));
      !text.empty()) {
    session.notice(text);
  }
  const auto announced = trailer(trailers, "x-aivault-sha256");
  TRY_ASSIGN(const auto on_disk, file.digest_on_disk());
  if (announced != received.hex() || announced != on_disk) {
    return invalid_request(
        "",
        "the archive on the disk is not what the daemon sent; '" + output + "' was not written");
  }
  TRY(file.publish());
  const auto count = trailer(trailers, "x-aivault-secrets");
  const bool is_count =
      !count.empty() && count.find_first_not_of("0123456789") == std::string::npos;
  session.print_json(Value::object({{"bytes", static_cast<std::int64_t>(file.size())},
                                    {"createdAtMs", std::int64_t{begin.count()}},
                                    {"includesKey", !arguments.has("without-key")},
                                    {"output", output},
                                    {"secrets", is_count ? Value::number(count) : Value()},
                                    {"sha256", announced}}),
                     json::Order::alphabetical);
  return kSuccess;
}

Result<int> run_restore(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  const bool force = arguments.has("force");
  if (!force && vault_exists(routes.places.vault_root)) {
    return invalid_request("",
                           "vault already initialized at '" +
                               quote_for_message(routes.places.vault_root) +
                               "'; --force moves it aside");
  }
  TRY_ASSIGN(const auto archive, open_archive(arguments.text_or("input", "")));
  TRY_ASSIGN(const auto passphrase, read_secret(session, arguments, archive_passphrase(Ask::once)));
  auto body = Value::object();
  add_key_provider(session, arguments, body);
  if (force) body.set("force", true);
  TRY_ASSIGN(const auto own, read_own_passphrase(session, arguments));
  const std::array<SecretMember, 2> members{
      SecretMember{"passphrase", &passphrase},
      SecretMember{"newPassphrase", own.empty() ? nullptr : &own}};
  TRY_ASSIGN(const auto document, body_with_secrets(body, members));
  TRY(ask_daemon_to_leave(session, routes));
  TRY_ASSIGN(auto client, Client::in_private_child(session));
  const auto frame = frame_of(document.size());
  const Upload upload{.type = protocol::kEnvelopeType,
                      .text = frame,
                      .secret = &document,
                      .file = archive.file.get(),
                      .file_size = archive.size};
  return print_result(session,
                      client.change_with_body("POST", "/aivault/vault/restore", upload),
                      json::Order::as_built);
}

Result<int> run_import(Session& session, const Arguments& arguments) {
  const auto directory = session.environment().absolute(arguments.text_or("from", ""));
  auto body = Value::object({{"from", directory}});
  if (arguments.has("overwrite")) body.set("overwrite", true);
  if (arguments.has("skip-audit")) body.set("skipAudit", true);
  if (arguments.has("dry-run")) body.set("dryRun", true);
  if (arguments.has("dry-run")) {
    TRY(check_there_is_a_vault(session));
  }
  TRY_ASSIGN(const auto source, read_source_key(session, arguments, directory));
  TRY_ASSIGN(auto client, Client::in_private_child(session));
  const std::string target = "/aivault/vault/import";
  const auto result =
      source.key.empty()
          ? client.change(session, "POST", target, body)
          : client.change_with_secret("POST", target, body, source.key, source.value, kAsText);
  if (!result) return fail(result.error());
  session.print_json(*result, json::Order::alphabetical);
  return items_in(*result, "failed").empty() ? kSuccess : kFailure;
}

}  // namespace aivault::cli
