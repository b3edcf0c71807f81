#include "daemon/sandbox_paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string_view>

#include "json/parse.h"
#include "platform/directory.h"

namespace aivault::daemon {
namespace {

constexpr auto kSystem = std::to_array<std::string_view>({
    // Certificates, and where their links lead.
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    // Names of hosts and users.
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
    "/run/systemd/resolve",
    "/run/nscd",
    "/usr/share/zoneinfo",
    // Libraries that name services are loaded from.
    "/usr/lib",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    // Who calls, and what the kernel says of us.
    "/proc",
    "/sys/fs/cgroup",
    "/dev/urandom",
});

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

bool is_directory(const std::string& path) {
  struct stat facts{};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

// What is to be made in a directory that is not there yet is made from the nearest one above it.
void add_writable(sandbox::Paths& paths, std::string directory) {
  while (directory != "/" && !is_directory(directory)) directory = directory_of(directory);
  if (directory != "/") paths.writable.push_back(std::move(directory));
}

// Where the header says the key file is. Anybody who can write there is the vault's owner.
std::optional<std::string> key_file_of(const std::string& root) {
  constexpr std::size_t kMaxHeader = std::size_t{64} << 10U;
  const auto directory = platform::Directory::open(root);
  if (!directory) return std::nullopt;
  const auto text = directory->read("vault.json", kMaxHeader);
  if (!text || !*text) return std::nullopt;
  const auto header = json::parse(**text);
  const auto* provider = header ? header->find("provider") : nullptr;
  const auto* path = provider != nullptr ? provider->find("path") : nullptr;
  if (path == nullptr || !path->is(json::Kind::string)) return std::nullopt;
  const auto named = std::string(path->text());
  return named.starts_with('/') ? named : root + "/" + named;
}

}  // namespace

sandbox::Paths sandbox_paths(const Settings& settings) {
  sandbox::Paths paths;
  for (const auto path : kSystem) paths.readable.emplace_back(path);
  // A rule holds for the file that is there now, and tools replace these files: whoever adds a user
  // or gets another address gives /etc a new passwd or resolv.conf. What others may not read, the
  // file modes say; root, whom they do not bind, keeps to the list and learns of changes when it is
  // started again.
  if (::geteuid() != 0) paths.readable.emplace_back("/etc");
  if (!settings.vault.keys.credentials_directory.empty()) {
    paths.readable.push_back(settings.vault.keys.credentials_directory);
  }
  // Files come there and are replaced, and a reload reads what is there then.
  for (const auto& path : settings.configuration_places) paths.readable.push_back(path);
  for (const auto& path : settings.sandbox.readable) paths.readable.push_back(path);
  for (const auto& path : settings.sandbox.writable) paths.writable.push_back(path);
  const auto& location = settings.vault.location;
  add_writable(paths, location.root);
  add_writable(paths, directory_of(location.default_key_file));
  if (const auto key = key_file_of(location.root)) add_writable(paths, directory_of(*key));
  add_writable(paths, directory_of(settings.socket));
  if (settings.is_shared()) add_writable(paths, directory_of(settings.agent_socket));
  if (!settings.vault.audit_mirror.empty()) {
    add_writable(paths, directory_of(settings.vault.audit_mirror));
  }
  return paths;
}

}  // namespace aivault::daemon
