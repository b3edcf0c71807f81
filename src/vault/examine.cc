#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "base/encoding.h"
#include "json/parse.h"
#include "json/write.h"
#include "platform/key_file.h"
#include "vault/examine_audit.h"
#include "vault/key_provider.h"
#include "vault/layout.h"
#include "vault/old_files.h"
#include "vault/open_vault.h"

namespace aivault::vault {
namespace {

using Check = Vault::Check;
using State = Vault::Check::State;

constexpr std::string_view kRestore = "run `aivault restore` with a backup";
constexpr std::string_view kRecoverOrRestore =
    "run `aivault recover`, or `aivault restore` with a backup";
constexpr std::string_view kPutKeyBack =
    "put the key file back, or run `aivault restore` with a backup; without it the vault cannot be "
    "opened";
constexpr std::size_t kMaxNamed = 20;

std::string octal(mode_t mode) {
  std::string digits;
  for (const unsigned shift : {9U, 6U, 3U, 0U}) {
    digits += static_cast<char>('0' + (mode >> shift & 7U));
  }
  return digits;
}

// Looks only: opening the directory as the vault does would tighten its mode.
Check check_directory(const std::string& root) {
  struct stat facts{};
  if (::stat(root.c_str(), &facts) != 0) {
    return {"vault-directory", State::fail, root + " is missing", "run aivault init"};
  }
  const auto detail = root + ", mode " + octal(facts.st_mode & 07777);
  if (facts.st_uid != ::geteuid() && ::geteuid() != 0) {
    return {"vault-directory",
            State::fail,
            detail + ", belongs to uid " + std::to_string(facts.st_uid),
            "run as its owner"};
  }
  if ((facts.st_mode & 077) != 0) {
    const bool writable = (facts.st_mode & 022) != 0;
    return {"vault-directory",
            writable ? State::fail : State::warn,
            detail,
            "chmod 700 '" + root + "'"};
  }
  return {"vault-directory", State::ok, detail, ""};
}

bool is_format_1(const std::string& root) {
  const auto directory = platform::Directory::open(root);
  const auto found = directory ? has_old_header(*directory) : Result<bool>(false);
  return found && *found && !directory->has(kDatabaseName);
}

Check check_files(const std::string& root) {
  struct stat directory{};
  if (::stat(root.c_str(), &directory) != 0) {
    return {"vault-files", State::fail, root + " is missing", "run aivault init"};
  }
  for (const auto* name : {kHeaderName, kDatabaseName, kWalName, kShmName, kLockName}) {
    const auto path = root + "/" + name;
    struct stat facts{};
    if (::lstat(path.c_str(), &facts) != 0) {
      if (name != std::string_view(kDatabaseName) || is_format_1(root)) continue;
      return {"vault-files", State::fail, path + " is missing", std::string(kRestore)};
    }
    const auto mode = facts.st_mode & 07777;
    if (!S_ISREG(facts.st_mode) || facts.st_nlink != 1) {
      return {"vault-files", State::fail, path + " is not a regular file of one name", "remove it"};
    }
    if (facts.st_uid != directory.st_uid) {
      return {"vault-files",
              State::fail,
              path + " belongs to uid " + std::to_string(facts.st_uid),
              "chown " + std::to_string(directory.st_uid) + " '" + path + "'"};
    }
    if ((mode & 077) != 0) {
      return {"vault-files",
              (mode & 022) != 0 ? State::fail : State::warn,
              path + " has mode " + octal(mode),
              "chmod 600 '" + path + "'"};
    }
  }
  return {"vault-files", State::ok, "owned, private, no links", ""};
}

Check check_key_file(const std::string& path, unsigned owner) {
  const auto file = platform::open_key_file(path, owner);
  if (!file) {
    struct stat facts{};
    const bool found = ::lstat(path.c_str(), &facts) == 0;
    if (found && S_ISLNK(facts.st_mode)) {
      return {"key-file-mode",
              State::fail,
              path + " is a symbolic link",
              "put the key file itself there: cp --remove-destination \"$(readlink -f '" + path +
                  "')\" '" + path + "'; chmod 600 '" + path + "'"};
    }
    const bool mode = found && (facts.st_mode & 077) != 0;
    return {"key-file-mode",
            State::fail,
            mode ? "mode " + octal(facts.st_mode & 07777) : file.error().message,
            mode ? "chmod 600 " + path : "see the message"};
  }
  if (!*file) {
    return {"key-file-mode", State::fail, path + " is missing", std::string(kPutKeyBack)};
  }
  return {"key-file-mode", State::ok, path, ""};
}

std::optional<json::Value> header_of(const platform::Directory& root) {
  const auto read = root.read(kHeaderName, kMaxHeaderBytes);
  const auto text = read ? *read : std::nullopt;
  auto header = json::parse(text ? *text : "");
  if (!header) return std::nullopt;
  return *std::move(header);
}

// What the header says, which is good enough to look for a key that cannot be loaded.
struct KeyPlace {
  KeyProvider::Kind kind = KeyProvider::Kind::file;
  std::string source;
  std::string path;  // Of a key file.
  unsigned owner = 0;
};
KeyPlace place_of(const KeyProvider& provider, const platform::Directory& root) {
  const bool is_file = provider.kind == KeyProvider::Kind::file;
  return {provider.kind,
          provider.source(root),
          is_file ? provider.absolute_path(root) : "",
          root.owner()};
}
std::optional<KeyPlace> key_place_of_header(const std::string& root) {
  const auto directory = platform::Directory::open(root);
  if (!directory) return std::nullopt;
  const auto header = header_of(*directory);
  const auto* entry = header ? header->find("provider") : nullptr;
  if (entry == nullptr) return std::nullopt;
  const auto provider = KeyProvider::parse(json::compact(*entry));
  if (!provider) return std::nullopt;
  return place_of(*provider, *directory);
}

bool concerns_key(const Error& error) {
  return error.reason == "key_unavailable" || error.reason == "wrong_key";
}

// What helps when the vault cannot be used: what an earlier check has found, else by the reason.
std::string hint_for(const Error& error, const std::vector<Check>& earlier) {
  const auto& reason = error.reason;
  for (const auto& check : earlier) {
    const bool of_key = check.id == "key-file-mode" || check.id == "key-provider";
    const bool same = concerns_key(error) ? of_key : reason == "unsafe_path";
    if (same && check.state == State::fail) return check.hint;
  }
  if (concerns_key(error)) {
    return "put the vault's own key file back, or run `aivault restore` with a backup";
  }
  if (reason == "damaged" || reason == "row_integrity") return std::string(kRecoverOrRestore);
  if (reason == "vault_locked") return "run `aivault unlock`";
  if (reason == "newer_format") return "use the newer program";
  return "see the message";
}

Check failure(std::string id, const Error& error, const std::vector<Check>& earlier) {
  return {std::move(id), State::fail, error.message, hint_for(error, earlier)};
}

std::string hint_for_key(KeyProvider::Kind kind) {
  switch (kind) {
    case KeyProvider::Kind::file: return std::string(kPutKeyBack);
    case KeyProvider::Kind::env:
      return "set the variable to the vault's own key, then start the daemon again";
    case KeyProvider::Kind::passphrase: return "run `aivault unlock`";
    case KeyProvider::Kind::systemd_creds: return "start the daemon as its unit";
    case KeyProvider::Kind::keyring:
    case KeyProvider::Kind::macos_keychain: break;
  }
  return "run `aivault restore` with a backup and another provider: this key cannot be had here";
}

// key-file-mode of a key file, and key-provider: can the key be had at all? Whether it is the right
// one is the affair of kek-check.
void check_key(const KeyPlace& place, const Error* error, std::vector<Check>& checks) {
  const bool is_file = place.kind == KeyProvider::Kind::file;
  if (is_file) checks.push_back(check_key_file(place.path, place.owner));
  if (error != nullptr && error->reason == "vault_locked") {
    checks.push_back({"key-provider",
                      State::warn,
                      place.source + ": it was not entered",
                      hint_for_key(KeyProvider::Kind::passphrase)});
  } else if (error != nullptr && error->reason == "key_unavailable") {
    auto hint = is_file ? hint_for(*error, checks) : hint_for_key(place.kind);
    checks.push_back({"key-provider", State::fail, error->message, std::move(hint)});
  } else {
    checks.push_back({"key-provider", State::ok, place.source, ""});
  }
}

// The command that takes a damaged record away; "" if there is none.
std::string deletion_of(const Problem& problem) {
  constexpr std::pair<std::string_view, std::string_view> kCommands[] = {
      {"secret", "aivault secrets delete --id "},
      {"credential", "aivault credential delete "},
      {"capability", "aivault capability delete "},
  };
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/:";
  // Who damaged the row may have chosen its id: what is copied to a shell is harmless.
  const bool plain = problem.id.find_first_not_of(kPlain) == std::string::npos;
  for (const auto& [kind, command] : kCommands) {
    if (kind == problem.kind && plain && !problem.id.starts_with('-')) {
      return std::string(command) + problem.id;
    }
  }
  return "";
}

std::string hint_for_records(const std::vector<Problem>& failed) {
  std::string hint;
  for (std::size_t i = 0; i < std::min(failed.size(), kMaxNamed); ++i) {
    const auto command = deletion_of(failed[i]);
    if (!command.empty()) hint += (hint.empty() ? "" : "; ") + command;
  }
  if (hint.empty()) return std::string(kRestore);
  return hint + "; or " + std::string(kRestore);
}

Check check_records(const std::vector<Problem>& failed) {
  if (failed.empty()) {
    return {"row-seals", State::ok, "all record seals agree", ""};
  }
  auto detail =
      std::to_string(failed.size()) + (failed.size() == 1 ? " damaged record" : " damaged records");
  for (std::size_t i = 0; i < std::min(failed.size(), kMaxNamed); ++i) {
    detail += "; " + failed[i].message;
  }
  if (failed.size() > kMaxNamed) {
    detail += "; and " + std::to_string(failed.size() - kMaxNamed) + " more";
  }
  return {"row-seals", State::fail, std::move(detail), hint_for_records(failed)};
}

void examine_rows(store::Database& database, const View& view, std::vector<Check>& checks) {
  const auto findings = database.quick_check();
  if (!findings) {
    checks.push_back(failure("database", findings.error(), checks));
  } else if (!findings->empty()) {
    checks.push_back({"database", State::fail, findings->front(), std::string(kRestore)});
  } else {
    checks.push_back({"database", State::ok, "quick_check agrees", ""});
  }
  const auto failed = verify_all_rows(database, view);
  checks.push_back(failed ? check_records(*failed) : failure("row-seals", failed.error(), checks));
}

}  // namespace

std::vector<Check> OpenVault::examine() {
  auto checks = std::vector<Check>{check_directory(root()), check_files(root())};
  std::ranges::move(examine_disk(root()), std::back_inserter(checks));
  auto lease = Lease::from(*this);
  if (!lease) {
    checks.push_back(failure("database", lease.error(), checks));
    return checks;
  }
  auto& database = lease->database();
  const auto view = core_->enter(database);
  if (!view) {
    checks.push_back(failure("database", view.error(), checks));
    return checks;
  }
  // As at open, with the key loaded afresh; a passphrase is not kept for that.
  const bool entered = core_->copy_of_memory().provider_type == "passphrase";
  const auto checked =
      check_in_full(database, core_->root(), {core_->sources()}, entered ? view->keys : nullptr);
  if (checked) {
    check_key(place_of(checked->provider, core_->root()), nullptr, checks);
    checks.push_back({"kek-check", State::ok, "the key opens the vault", ""});
  } else {
    const auto place = key_place_of_header(root());
    if (place) check_key(*place, &checked.error(), checks);
    checks.push_back(failure("kek-check", checked.error(), checks));
  }
  examine_rows(database, *view, checks);
  checks.push_back(examine_clock(
      from_int(view->last_ts_ms),
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())));
  const AuditFacts facts{
      verify_audit(std::nullopt), writer_.takes_records(), keeper_.state(), call_records_};
  std::ranges::move(examine_audit(facts), std::back_inserter(checks));
  return checks;
}

std::vector<Check> Vault::examine_closed(const Options& options) {
  const auto& location = options.location;
  if (!exists(location)) {
    return {{"vault-directory",
             State::warn,
             "vault not enabled: " + location.root + " holds no vault yet",
             "the first command that needs one makes it"}};
  }
  std::vector<Check> checks{check_directory(location.root), check_files(location.root)};
  std::ranges::move(examine_disk(location.root), std::back_inserter(checks));
  auto opened = open(options);
  if (opened) {
    auto all = (*opened)->examine();
    std::move(all.begin() + std::ssize(checks), all.end(), std::back_inserter(checks));
    return checks;
  }
  const auto& error = opened.error();
  const auto key = key_place_of_header(location.root);
  if (error.reason == "old_format") {
    checks.push_back({"database",
                      State::fail,
                      "it is a vault of format 1",
                      "aivault import --from '" + location.root + "'"});
    return checks;
  }
  if (key) check_key(*key, &error, checks);
  auto check = failure(concerns_key(error) ? "kek-check" : "database", error, checks);
  if (error.reason == "vault_locked") {
    check.id = "kek-check";
    check.state = State::warn;
  }
  if (error.reason == "wrong_key" && key && key->kind != KeyProvider::Kind::file) {
    check.hint = hint_for_key(key->kind);
  }
  checks.push_back(std::move(check));
  return checks;
}

Status Vault::claimed_status(const Location& location) {
  Status status;
  status.enabled = exists(location);
  status.writable = false;
  const auto directory = platform::Directory::open(location.root);
  const auto header = directory ? header_of(*directory) : std::nullopt;
  if (!header) return status;
  const auto* entry = header->find("provider");
  const auto provider = KeyProvider::parse(entry != nullptr ? json::compact(*entry) : "");
  if (provider) status.provider_type = std::string(provider->type());
  if (provider && provider->kind == KeyProvider::Kind::env) status.key_variable = provider->name;
  const auto* kek = header->find("kekId");
  if (kek != nullptr && kek->is(json::Kind::string) && kek->text().size() == 64 &&
      from_hex(kek->text())) {
    status.kek_id = std::string(kek->text());
  }
  return status;
}

}  // namespace aivault::vault
