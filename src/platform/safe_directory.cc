#include "platform/safe_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <string_view>

#include "base/text.h"
#include "platform/os_error.h"

namespace aivault::platform {
namespace {

constexpr int kMaxLinks = 40;
constexpr int kStep = O_PATH | O_NOFOLLOW | O_CLOEXEC;

tl::unexpected<Error> unsafe(const std::string& directory, std::string_view reason) {
  return vault_unavailable("unsafe_path",
                           "unsafe socket directory '" + directory + "': " + std::string(reason));
}
tl::unexpected<Error> os_error(std::string_view what, const std::string& directory, int error) {
  return vault_unavailable("internal",
                           std::string(what) + " '" + directory + "': " + os_text(error));
}

bool is_trusted(uid_t owner) { return owner == 0 || owner == ::geteuid(); }

enum class Place : unsigned char { on_the_way, last };

Result<void> check_directory(const struct stat& status, const std::string& shown, Place place) {
  if (!S_ISDIR(status.st_mode)) return unsafe(shown, "not a directory");
  if (!is_trusted(status.st_uid)) {
    return unsafe(shown, "it belongs to uid " + std::to_string(status.st_uid));
  }
  const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool sticky = (status.st_mode & S_ISVTX) != 0;
  if (others_write && (place == Place::last || !sticky)) {
    return unsafe(shown, "writable by group or others");
  }
  return {};
}

class Walk {
 public:
  explicit Walk(mode_t mode) : mode_(mode) {}

  Result<Descriptor> to(const std::string& path) {
    push(path);
    TRY(restart());
    while (!left_.empty()) {
      const std::string name = left_.front();
      left_.pop_front();
      TRY(step(name));
    }
    Descriptor readable(::openat(here_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!readable) return os_error("cannot open", shown_, errno);
    struct stat status{};
    if (::fstat(readable.get(), &status) != 0) return os_error("cannot open", shown_, errno);
    TRY(check_directory(status, shown_.empty() ? "/" : shown_, Place::last));
    return readable;
  }

 private:
  void push(std::string_view path) {
    const auto parts = split(path, '/');
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      if (!part->empty() && *part != ".") left_.emplace_front(*part);
    }
  }

  Result<void> restart() {
    here_.reset(::open("/", kStep | O_DIRECTORY));
    shown_.clear();
    struct stat status{};
    if (!here_ || ::fstat(here_.get(), &status) != 0) return os_error("cannot open", "/", errno);
    return check_directory(status, "/", Place::on_the_way);
  }

  Result<void> step(const std::string& name) {
    const std::string shown = shown_ + "/" + name;
    Descriptor next(::openat(here_.get(), name.c_str(), kStep));
    if (!next && errno == ENOENT) {
      TRY(make(name, shown));
      next.reset(::openat(here_.get(), name.c_str(), kStep));
    }
    struct stat status{};
    if (!next || ::fstat(next.get(), &status) != 0) return os_error("cannot open", shown, errno);
    if (S_ISLNK(status.st_mode)) return follow(next, status, shown);
    TRY(check_directory(status, shown, left_.empty() ? Place::last : Place::on_the_way));
    here_ = std::move(next);
    shown_ = shown;
    return {};
  }

  Result<void> follow(const Descriptor& link, const struct stat& status, const std::string& shown) {
    if (left_.empty()) return unsafe(shown, "it is a symbolic link");
    if (!is_trusted(status.st_uid)) {
      return unsafe(shown, "the link belongs to uid " + std::to_string(status.st_uid));
    }
    if (++links_ > kMaxLinks) return unsafe(shown, "too many symbolic links");
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(link.get(), "", target.data(), target.size());
    if (length <= 0) return os_error("cannot read link", shown, errno);
    const std::string_view text(target.data(), static_cast<std::size_t>(length));
    push(text);
    if (text.starts_with('/')) return restart();
    return {};
  }

  Result<void> make(const std::string& name, const std::string& shown) {
    const mode_t mode = left_.empty() ? mode_ : S_IRWXU;
    const mode_t before = ::umask(~mode & 0777U);
    const int made = ::mkdirat(here_.get(), name.c_str(), mode);
    const int error = errno;
    ::umask(before);
    if (made != 0 && error != EEXIST) {
      return os_error("cannot create socket directory", shown, error);
    }
    // Not asked for by the call itself; a bit that the parent passes on stays anyway.
    if (made == 0 && (mode & S_ISGID) != 0 && ::fchmodat(here_.get(), name.c_str(), mode, 0) != 0) {
      return os_error("cannot set the mode of", shown, errno);
    }
    return {};
  }

  mode_t mode_;
  Descriptor here_;
  std::string shown_;  // Without links and without a final slash.
  std::deque<std::string> left_;
  int links_ = 0;
};

}  // namespace

Result<Descriptor> open_safe_directory(const std::string& path, mode_t mode) {
  return Walk(mode).to(path);
}

}  // namespace aivault::platform
