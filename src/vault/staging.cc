#include "vault/staging.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "vault/creation.h"
#include "vault/layout.h"
#include "vault/old_files.h"
#include "vault/open_vault.h"

namespace aivault::vault {
namespace {

using Hold = platform::RangeLock::Hold;

tl::unexpected<Error> not_writable(const std::string& path, int error) {
  return vault_unavailable(
      "not_writable", "vault not writable: " + path + ": " + std::system_category().message(error));
}

Result<void> sync_file(const platform::Directory& root, const char* name) {
  const platform::Descriptor file(
      ::openat(root.descriptor(), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) return not_writable(root.path() + "/" + name, errno);
  return {};
}

}  // namespace

Result<std::unique_ptr<Staging>> Staging::begin(const Options& options) {
  TRY_ASSIGN(auto root, platform::Directory::open(options.location.root));
  TRY_ASSIGN(auto lock, open_lock_file(root));
  TRY(wait_for(lock, kInitByte, Hold::exclusive));
  TRY(wait_for(lock, kOpenByte, Hold::exclusive));
  if (root.has(kDatabaseName)) {
    return invalid_request("exists", "vault already initialized at '" + root.path() + "'");
  }
  TRY_ASSIGN(const bool is_old, has_old_header(root));
  if (!is_old) {
    return vault_unavailable("not_initialised", "'" + root.path() + "' holds no format 1 vault");
  }
  if (root.has(kOldFilesDirectory)) {
    return invalid_request(
        "exists",
        "'" + root.path() + "/" + kOldFilesDirectory + "' is there already; move it away first");
  }
  std::unique_ptr<Staging> staging(new Staging(options, std::move(root), std::move(lock)));
  staging->clear();  // Of a process that died here.
  return staging;
}

Staging::~Staging() { clear(); }

void Staging::clear() const {
  std::error_code ignored;
  std::filesystem::remove_all(root_.path() + "/" + kStagingDirectory, ignored);
  root_.remove(kNewDatabaseName);
}

Result<std::unique_ptr<Vault>> Staging::build(const KeyProvider& provider,
                                              const Secret& key,
                                              const std::string& actor) {
  const auto path = root_.path() + "/" + kStagingDirectory;
  if (::mkdirat(root_.descriptor(), kStagingDirectory, 0700) != 0) return not_writable(path, errno);
  if (::geteuid() == 0 && root_.owner() != 0 &&
      ::fchownat(root_.descriptor(),
                 kStagingDirectory,
                 root_.owner(),
                 static_cast<gid_t>(-1),
                 AT_SYMLINK_NOFOLLOW) != 0) {
    return not_writable(path, errno);
  }
  TRY_ASSIGN(const auto directory, platform::Directory::open(path));
  TRY(make_vault_with(directory, provider, key, actor));
  auto options = options_;
  options.location.root = path;
  options.audit_mirror.clear();  // It follows the vault, not its making.
  return OpenVault::open_with(options, {options.keys, nullptr, &key});
}

Result<void> Staging::take_place() {
  TRY_ASSIGN(const auto directory,
             platform::Directory::open(root_.path() + "/" + kStagingDirectory));
  struct stat wal{};
  if (::fstatat(directory.descriptor(), kWalName, &wal, AT_SYMLINK_NOFOLLOW) == 0 &&
      wal.st_size > 0) {
    return vault_unavailable(
        "not_writable",
        "vault not writable: '" + directory.path() + "' could not be closed completely");
  }
  TRY(sync_file(directory, kDatabaseName));
  if (::renameat(directory.descriptor(), kDatabaseName, root_.descriptor(), kNewDatabaseName) !=
      0) {
    return not_writable(root_.path() + "/" + kNewDatabaseName, errno);
  }
  TRY(root_.sync());
  TRY(root_.rename(kNewDatabaseName, kDatabaseName));
  TRY(move_old_files(root_));
  // What was written beside the new database says the same about it here.
  TRY_ASSIGN(const auto header, directory.read(kHeaderName, kMaxHeaderBytes));
  return header ? root_.replace(kHeaderName, *header) : Result<void>();
}

}  // namespace aivault::vault
