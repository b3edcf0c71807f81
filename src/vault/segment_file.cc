#include "vault/segment_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "base/encoding.h"
#include "crypto/uuid.h"

namespace aivault::vault {
namespace {

constexpr std::string_view kAside = "segment.tmp.";
constexpr mode_t kFinalMode = 0400;
constexpr std::size_t kBuffer = std::size_t{256} << 10U;
constexpr std::size_t kMaxLine = std::size_t{16} << 20U;

tl::unexpected<Error> not_writable(const std::string& path, int error) {
  return vault_unavailable(
      "not_writable", "vault not writable: " + path + ": " + std::system_category().message(error));
}

Result<platform::Directory> make_directory(const platform::Directory& root) {
  if (::mkdirat(root.descriptor(), kArchiveDirectory, S_IRWXU) == 0) {
    const bool is_ours = ::geteuid() != 0 || root.owner() == 0;
    if (!is_ours && ::fchownat(root.descriptor(),
                               kArchiveDirectory,
                               root.owner(),
                               static_cast<gid_t>(-1),
                               AT_SYMLINK_NOFOLLOW) != 0) {
      return not_writable(root.path(), errno);
    }
    TRY(root.sync());
  } else if (errno != EEXIST) {
    return not_writable(root.path() + "/" + kArchiveDirectory, errno);
  }
  struct stat facts{};
  if (::fstatat(root.descriptor(), kArchiveDirectory, &facts, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISDIR(facts.st_mode)) {
    return vault_unavailable(
        "unsafe_path",
        "unsafe directory '" + root.path() + "/" + kArchiveDirectory + "': it is not a directory");
  }
  return platform::Directory::open(root.path() + "/" + kArchiveDirectory);
}

}  // namespace

SegmentWriter::SegmentWriter(platform::Directory directory,
                             std::string aside,
                             platform::Descriptor file)
    : directory_(std::move(directory)),
      aside_(std::move(aside)),
      file_(std::move(file)),
      hasher_(std::make_unique<crypto::Hasher>()) {}

SegmentWriter::~SegmentWriter() {
  if (file_ && !aside_.empty()) directory_.remove(aside_);
}

Result<SegmentWriter> SegmentWriter::begin(const platform::Directory& root,
                                           const audit::ArchiveHead& head) {
  TRY_ASSIGN(auto directory, make_directory(root));
  // What a writer that was killed has left; there is one at a time.
  for (const auto& name : directory.names()) {
    if (name.starts_with(kAside)) directory.remove(name);
  }
  auto aside = std::string(kAside) + std::to_string(::getpid()) + "." + crypto::random_uuid();
  platform::Descriptor file(::openat(directory.descriptor(),
                                     aside.c_str(),
                                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                     kFinalMode));
  if (!file) return not_writable(directory.path(), errno);
  if (::geteuid() == 0 && directory.owner() != 0 &&
      ::fchown(file.get(), directory.owner(), static_cast<gid_t>(-1)) != 0) {
    return not_writable(directory.path(), errno);
  }
  SegmentWriter writer(std::move(directory), std::move(aside), std::move(file));
  TRY(writer.put(audit::to_line(head)));
  return writer;
}

Result<void> SegmentWriter::add(const audit::StoredRow& row) { return put(audit::to_line(row)); }

Result<void> SegmentWriter::put(std::string_view line) {
  hasher_->add(line);
  buffer_ += line;
  return buffer_.size() < kBuffer ? Result<void>() : flush();
}

Result<void> SegmentWriter::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const auto put = ::write(file_.get(), rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return not_writable(directory_.path(), errno);
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  buffer_.clear();
  return {};
}

Result<crypto::Hash> SegmentWriter::finish(const std::string& name) {
  TRY(flush());
  if (::fsync(file_.get()) != 0) return not_writable(directory_.path(), errno);
  TRY(directory_.rename(std::exchange(aside_, {}), name));
  return hasher_->finish();
}

Result<SegmentFile> read_segment(const std::string& root,
                                 const std::string& name,
                                 const std::function<bool(const audit::StoredRow&)>& take) {
  const auto path = root + "/" + kArchiveDirectory + "/" + name;
  const platform::Descriptor file(
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat facts{};
  if (name.find('/') != std::string::npos || !file || ::fstat(file.get(), &facts) != 0 ||
      !S_ISREG(facts.st_mode)) {
    return vault_unavailable("not_found", "audit archive '" + path + "' cannot be read");
  }
  SegmentFile result;
  crypto::Hasher hasher;
  std::string text;
  std::size_t done = 0;  // Of `text`.
  bool first = true;
  while (true) {
    const auto end = text.find('\n', done);
    if (end != std::string::npos) {
      const auto line = std::string_view(text).substr(done, end - done);
      done = end + 1;
      if (std::exchange(first, false)) {
        result.head = audit::parse_archive_head(line);
        continue;
      }
      const auto row = audit::parse_archive_row(line);
      result.bad_line = !row;
      if (!row || !take(*row)) return result;
      continue;
    }
    text.erase(0, std::exchange(done, 0));
    const auto size = text.size();
    if (size > kMaxLine) {
      result.bad_line = true;
      return result;
    }
    text.resize(size + kBuffer);
    const auto got = ::read(file.get(), text.data() + size, kBuffer);
    if (got < 0 && errno == EINTR) {
      text.resize(size);
      continue;
    }
    text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got <= 0) break;
    hasher.add(std::string_view(text).substr(size));
  }
  result.bad_line = !text.empty();  // Without its end.
  result.complete = !result.bad_line;
  result.hash = hasher.finish();
  return result;
}

}  // namespace aivault::vault
