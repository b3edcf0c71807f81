#include "vault/old_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "json/parse.h"
#include "vault/layout.h"

namespace aivault::vault {
namespace {

constexpr std::array<const char*, 5> kOldNames = {
    "broker.json", "capabilities.json", "secrets", "audit", "migrations"};

tl::unexpected<Error> not_writable(const std::string& path, int error) {
  return vault_unavailable(
      "not_writable", "vault not writable: " + path + ": " + std::system_category().message(error));
}

bool has(int directory, const char* name) {
  struct stat facts{};
  return ::fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<platform::Directory> make_directory(const platform::Directory& root) {
  if (::mkdirat(root.descriptor(), kOldFilesDirectory, 0700) != 0 && errno != EEXIST) {
    return not_writable(root.path() + "/" + kOldFilesDirectory, errno);
  }
  TRY(root.sync());
  const platform::Descriptor own(::openat(
      root.descriptor(), kOldFilesDirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!own) {
    return vault_unavailable("unsafe_path",
                             "unsafe directory '" + root.path() + "/" + kOldFilesDirectory +
                                 "': " + std::system_category().message(errno));
  }
  TRY_ASSIGN(auto opened, platform::Directory::open(root.path() + "/" + kOldFilesDirectory));
  struct stat looked{};
  struct stat found{};
  if (::fstat(own.get(), &looked) != 0 || ::fstat(opened.descriptor(), &found) != 0 ||
      looked.st_dev != found.st_dev || looked.st_ino != found.st_ino) {
    return vault_unavailable(
        "unsafe_path",
        "unsafe directory '" + root.path() + "/" + kOldFilesDirectory + "': it leads elsewhere");
  }
  return opened;
}

}  // namespace

Result<bool> has_old_header(const platform::Directory& root) {
  TRY_ASSIGN(const auto text, root.read(kHeaderName, kMaxHeaderBytes));
  const auto header = json::parse(text ? *text : "");
  const auto* field = header ? header->find("version") : nullptr;
  return field != nullptr && field->integer() == 1;
}

Result<void> move_old_files(const platform::Directory& root) {
  TRY_ASSIGN(const auto kept, make_directory(root));
  // There last: nothing that lies in the vault directory now is old.
  if (kept.has(kHeaderName)) return {};
  for (const auto* name : kOldNames) {
    if (!has(root.descriptor(), name)) continue;
    if (::renameat2(root.descriptor(), name, kept.descriptor(), name, RENAME_NOREPLACE) != 0) {
      return not_writable(kept.path() + "/" + name, errno);
    }
  }
  TRY(kept.sync());
  // Segments of a long history, archived while the new vault was built.
  const std::string segments = std::string(kStagingDirectory) + "/audit";
  if (::renameat(root.descriptor(), segments.c_str(), root.descriptor(), "audit") != 0 &&
      errno != ENOENT) {
    return not_writable(root.path() + "/audit", errno);
  }
  TRY(root.sync());
  TRY_ASSIGN(const auto header, root.read(kHeaderName, kMaxHeaderBytes));
  if (!header) return {};
  return kept.replace(kHeaderName, *header);
}

}  // namespace aivault::vault
