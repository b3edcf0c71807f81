#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <optional>

#include "json/parse.h"
#include "json/write.h"
#include "platform/key_file.h"
#include "vault/key_provider.h"
#include "vault/layout.h"
#include "vault/open_vault.h"

namespace aivault::vault {
namespace {

using Check = Vault::Check;
using State = Vault::Check::State;

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

Check check_files(const std::string& root) {
  struct stat directory{};
  if (::stat(root.c_str(), &directory) != 0) {
    return {"vault-files", State::fail, root + " is missing", "run aivault init"};
  }
  for (const auto* name : {kHeaderName, kDatabaseName, kWalName, kShmName, kLockName}) {
    const auto path = root + "/" + name;
    struct stat facts{};
    if (::lstat(path.c_str(), &facts) != 0) {
      if (name != std::string_view(kDatabaseName)) continue;
      return {"vault-files", State::fail, path + " is missing", "run aivault restore"};
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
    const bool mode = ::lstat(path.c_str(), &facts) == 0 && (facts.st_mode & 077) != 0;
    return {"key-file-mode",
            State::fail,
            mode ? "mode " + octal(facts.st_mode & 07777) : file.error().message,
            mode ? "chmod 600 " + path : "see the message"};
  }
  if (!*file) {
    return {"key-file-mode", State::fail, path + " is missing", "if it is lost: aivault restore"};
  }
  return {"key-file-mode", State::ok, path, ""};
}

// What the header says, which is good enough to look for a key that cannot be loaded.
struct KeyPlace {
  std::string path;
  unsigned owner = 0;
};
std::optional<KeyPlace> key_place_of_header(const std::string& root) {
  const auto directory = platform::Directory::open(root);
  if (!directory) return std::nullopt;
  const auto read = directory->read(kHeaderName, kMaxHeaderBytes);
  const auto text = read ? *read : std::nullopt;
  const auto header = json::parse(text ? *text : "");
  const auto* entry = header ? header->find("provider") : nullptr;
  if (entry == nullptr) return std::nullopt;
  const auto provider = KeyProvider::parse(json::compact(*entry));
  if (!provider) return std::nullopt;
  return KeyPlace{provider->absolute_path(*directory), directory->owner()};
}

}  // namespace

std::vector<Check> OpenVault::examine() {
  auto checks = std::vector<Check>{check_directory(root()), check_files(root())};
  auto lease = Lease::from(*this);
  if (!lease) {
    checks.push_back({"database", State::fail, lease.error().message, "run aivault restore"});
    return checks;
  }
  auto& database = lease->database();
  const auto view = core_->enter(database);
  if (!view) {
    checks.push_back({"database", State::fail, view.error().message, "run aivault restore"});
    return checks;
  }
  // As at open, with the key loaded afresh.
  const auto checked = check_in_full(database, core_->root(), nullptr);
  if (checked) {
    checks.push_back(
        check_key_file(checked->provider.absolute_path(core_->root()), core_->root().owner()));
    checks.push_back({"kek-check", State::ok, "the key opens the vault", ""});
  } else {
    const bool key = checked.error().reason == "key_unavailable";
    if (const auto place = key_place_of_header(root()); key && place) {
      checks.push_back(check_key_file(place->path, place->owner));
    }
    checks.push_back({"kek-check",
                      State::fail,
                      checked.error().message,
                      key ? "put the key back" : "run aivault restore"});
  }
  const auto findings = database.quick_check();
  const auto failed = verify_all_rows(database, *view);
  if (!findings || !findings->empty()) {
    const auto what = findings ? findings->front() : findings.error().message;
    checks.push_back({"database", State::fail, what, "run aivault restore"});
  } else if (!failed) {
    checks.push_back({"database", State::fail, failed.error().message, "run aivault restore"});
  } else if (!failed->empty()) {
    const auto& first = failed->front();
    checks.push_back({"database",
                      State::fail,
                      std::to_string(failed->size()) + " damaged records; " + first.message,
                      "delete the " + first.kind + " with its own delete command, or restore"});
  } else {
    checks.push_back({"database", State::ok, "quick_check and all record seals agree", ""});
  }
  return checks;
}

std::vector<Check> Vault::examine_closed(const Location& location) {
  if (!exists(location)) {
    return {{"vault-directory",
             State::warn,
             location.root + " holds no vault yet",
             "the first command that needs one makes it"}};
  }
  std::vector<Check> checks{check_directory(location.root), check_files(location.root)};
  auto opened = open(Options{location, CallRecords::written});
  if (opened) {
    auto all = (*opened)->examine();
    std::move(all.begin() + 2, all.end(), std::back_inserter(checks));
    return checks;
  }
  const auto& error = opened.error();
  if (const auto key = key_place_of_header(location.root)) {
    checks.push_back(check_key_file(key->path, key->owner));
  }
  const bool key = error.reason == "key_unavailable" || error.reason == "wrong_key";
  checks.push_back({key ? "kek-check" : "database",
                    State::fail,
                    error.message,
                    key ? "put the vault's own key back" : "run aivault restore"});
  return checks;
}

}  // namespace aivault::vault
