#include "vault/layout.h"

#include <signal.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/encoding.h"
#include "json/parse.h"
#include "json/write.h"

namespace aivault::vault {
namespace {

constexpr std::int64_t kHeaderVersion = 2;

}  // namespace

std::string header_text(const VaultRow& vault) {
  const auto provider = json::parse(vault.provider);
  return json::pretty(json::Value::object({{"format", "aivault"},
                                           {"version", kHeaderVersion},
                                           {"vaultId", vault.vault_id},
                                           {"createdAt", rfc3339(vault.created_at)},
                                           {"database", kDatabaseName},
                                           {"provider", provider ? *provider : json::Value()},
                                           {"kekId", hex(bytes_of(vault.kek_id))}}));
}

std::string rfc3339(UnixMs time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> text{};
  (void)std::snprintf(text.data(),
                      text.size(),
                      "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                      static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()),
                      static_cast<unsigned>(date.day()),
                      static_cast<int>(clock.hours().count()),
                      static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()),
                      static_cast<int>(clock.subseconds().count()));
  return text.data();
}

Result<void> check_in_place(const platform::Directory& root) {
  struct stat opened{};
  struct stat named{};
  if (::fstat(root.descriptor(), &opened) != 0 || ::stat(root.path().c_str(), &named) != 0 ||
      opened.st_dev != named.st_dev || opened.st_ino != named.st_ino) {
    return vault_unavailable("busy", "vault busy: its directory was replaced meanwhile; try again");
  }
  return {};
}

Result<void> check_header(const platform::Directory& root) {
  TRY_ASSIGN(const auto text, root.read(kHeaderName, kMaxHeaderBytes));
  const auto header = json::parse(text ? *text : "");
  const auto* field = header ? header->find("version") : nullptr;
  const auto version = field != nullptr ? field->integer() : std::nullopt;
  if (version && *version > kHeaderVersion) {
    return vault_unavailable(
        "newer_format", "vault format " + std::to_string(*version) + " is newer than this program");
  }
  if (version == 1 && !root.has(kDatabaseName)) {
    return vault_unavailable("old_format",
                             "'" + root.path() + "' holds a format 1 vault; run `aivault " +
                                 "import --from '" + root.path() + "'`");
  }
  return {};
}

Result<void> keep_header(const platform::Directory& root, const VaultRow& vault) {
  const auto wanted = header_text(vault);
  TRY_ASSIGN(const auto text, root.read(kHeaderName, kMaxHeaderBytes));
  if (text == wanted) return {};
  return root.replace(kHeaderName, wanted);
}

void remove_leftovers(const platform::Directory& root) {
  for (const auto& name : root.names()) {
    const auto pid = platform::pid_of_temporary(name);
    if (pid && ::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH) root.remove(name);
    if (name.starts_with(kRestoredName)) root.remove(name);
  }
}

}  // namespace aivault::vault
