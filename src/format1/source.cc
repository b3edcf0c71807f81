#include "format1/source.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "base/text.h"

namespace aivault::format1 {
namespace {

tl::unexpected<Error> refuse(const std::string& path, const std::string& why) {
  return invalid_request("record_invalid", "'" + quote_for_message(path, 512) + "' " + why);
}

std::string reason_of(int error) { return std::system_category().message(error); }

tl::unexpected<Error> refuse_to_open(const std::string& path, int error) {
  if (error == ELOOP) return refuse(path, "is a symbolic link, which is not followed");
  return refuse(path, "cannot be read: " + reason_of(error));
}

}  // namespace

Result<Source> Source::open(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr),
                                                             &std::free);
  if (!resolved) return refuse(path, "cannot be opened: " + reason_of(errno));
  std::string real(resolved.get());
  platform::Descriptor descriptor(
      ::open(real.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!descriptor) return refuse(real, "cannot be opened: " + reason_of(errno));
  return Source(std::move(real), std::move(descriptor));
}

Result<std::optional<std::string>> Source::read(const std::string& name) const {
  const auto full = path_ + "/" + name;
  // A FIFO must not make us wait.
  const platform::Descriptor file(
      ::openat(descriptor_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::optional<std::string>();
  if (!file) return refuse_to_open(full, errno);
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return refuse_to_open(full, errno);
  if (!S_ISREG(facts.st_mode)) return refuse(full, "is not a regular file");
  const auto claimed = static_cast<std::size_t>(std::max<off_t>(facts.st_size, 0));
  if (claimed > kMaxFileBytes) return refuse(full, "has more than 16 MiB");
  std::string content(claimed + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    if (size == content.size()) content.resize(std::min(size * 2, kMaxFileBytes + 1));
    const auto got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_to_open(full, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > kMaxFileBytes) return refuse(full, "has more than 16 MiB");
  }
  content.resize(size);
  return std::optional(std::move(content));
}

Result<std::optional<Source>> Source::directory(const std::string& name) const {
  const auto full = path_ + "/" + name;
  platform::Descriptor opened(
      ::openat(descriptor_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened && errno == ENOENT) return std::optional<Source>();
  if (!opened && errno == ENOTDIR) return refuse(full, "is not a directory");
  if (!opened) return refuse_to_open(full, errno);
  return std::optional(Source(full, std::move(opened)));
}

bool Source::has(const std::string& name) const {
  struct stat facts{};
  return ::fstatat(descriptor_.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<std::vector<std::string>> Source::names(
    const std::function<bool(std::string_view)>& wanted) const {
  platform::Descriptor again(::openat(descriptor_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) return refuse_to_open(path_, errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(again.get()), &::closedir);
  if (!stream) return refuse_to_open(path_, errno);
  (void)again.release();  // The stream closes it.
  std::vector<std::string> names;
  std::size_t entries = 0;
  for (;;) {
    errno = 0;
    const auto* entry = ::readdir(stream.get());  // NOLINT(concurrency-mt-unsafe)
    if (entry == nullptr && errno != 0) return refuse_to_open(path_, errno);
    if (entry == nullptr) break;
    if (++entries > kMaxEntries) return refuse(path_, "has more than 1100000 entries");
    const std::string_view name(static_cast<const char*>(entry->d_name));
    if (wanted(name)) names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace aivault::format1
