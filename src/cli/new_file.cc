#include "cli/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/running_digest.h"
#include "cli/routes.h"

namespace aivault::cli {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10U;

auto failed(std::string_view what, const std::string& path) {
  return invalid_request(
      "", "cannot " + std::string(what) + " '" + path + "': " + std::strerror(errno));
}
auto exists(const std::string& path) {
  return invalid_request("", "'" + path + "' exists; --force replaces it");
}

}  // namespace

Result<void> NewFile::check(const std::string& path, Existing existing) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return {};
  if (existing == Existing::refused) return exists(path);
  if (!S_ISREG(status.st_mode)) return invalid_request("", "'" + path + "' is not a regular file");
  return {};
}

Result<NewFile> NewFile::create(std::string path, Existing existing) {
  TRY(check(path, existing));
  NewFile made(std::move(path), existing);
  made.aside_ = made.path_ + ".partial-" + std::to_string(getpid());
  // Without a name, nothing of it stays when the program ends early.
  made.file_ = platform::Descriptor(
      open(directory_of(made.path_).c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (made.file_) return made;
  made.file_ = platform::Descriptor(
      open(made.aside_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made.file_) return failed("create", made.path_);
  made.has_name_ = true;
  return made;
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      aside_(std::move(other.aside_)),
      existing_(other.existing_),
      has_name_(std::exchange(other.has_name_, false)),
      file_(std::move(other.file_)),
      size_(other.size_) {}

NewFile::~NewFile() {
  if (has_name_) unlink(aside_.c_str());
}

Result<void> NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = ::write(file_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed("write", path_);
    size_ += static_cast<std::uint64_t>(put);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<std::string> NewFile::digest_on_disk() {
  if (fsync(file_.get()) != 0) return failed("sync", path_);
  // What is read is what the disk holds, as far as the kernel can be asked for it.
  posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
  RunningDigest digest;
  std::array<char, kPiece> piece{};
  for (off_t at = 0;;) {
    const auto got = pread(file_.get(), piece.data(), piece.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path_);
    if (got == 0) return digest.hex();
    digest.add({piece.data(), static_cast<std::size_t>(got)});
    at += got;
  }
}

Result<void> NewFile::publish() {
  if (!has_name_) {
    // A new name cannot replace an old one: that takes a rename.
    const auto& name = existing_ == Existing::refused ? path_ : aside_;
    const auto source = "/proc/self/fd/" + std::to_string(file_.get());
    if (linkat(AT_FDCWD, source.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      return errno == EEXIST ? exists(name) : failed("name", name);
    }
    has_name_ = existing_ == Existing::replaced;
  }
  if (has_name_) {
    const unsigned flags = existing_ == Existing::refused ? RENAME_NOREPLACE : 0U;
    if (renameat2(AT_FDCWD, aside_.c_str(), AT_FDCWD, path_.c_str(), flags) != 0) {
      return errno == EEXIST ? exists(path_) : failed("rename", aside_);
    }
    has_name_ = false;
  }
  const platform::Descriptor directory(
      open(directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || fsync(directory.get()) != 0) return failed("sync the directory of", path_);
  return {};
}

}  // namespace aivault::cli
