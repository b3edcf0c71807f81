#include "vault/mirror.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/encoding.h"
#include "json/parse.h"
#include "json/write.h"

namespace aivault::vault {
namespace {

constexpr mode_t kMode = 0640;
constexpr off_t kTail = off_t{64} << 10U;  // Bytes; longer than any line.
constexpr std::size_t kPiece = std::size_t{256} << 10U;

tl::unexpected<Error> failed(const std::string& path, int error) {
  return vault_unavailable("mirror",
                           "audit mirror '" + path + "': " + std::system_category().message(error));
}

std::string line_of(const audit::StoredRow& stored) {
  auto object = audit::to_json(audit::record_of(stored.row));
  object.set("hash", hex(bytes_of(crypto::view(stored.hash))));
  return json::compact(object) + '\n';
}

// The end of a file; empty if it cannot be read.
std::string tail_of(int file, off_t size) {
  std::string tail(static_cast<std::size_t>(std::min(size, kTail)), '\0');
  std::size_t done = 0;
  while (done < tail.size()) {
    const auto at = size - static_cast<off_t>(tail.size() - done);
    const auto got = ::pread(file, tail.data() + done, tail.size() - done, at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  tail.resize(done);
  return tail;
}

// After a rotation the new file is empty, and the old one beside it knows where it ended.
std::int64_t last_of_rotated(const std::string& path) {
  const platform::Descriptor old(
      ::open((path + ".1").c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat facts{};
  if (!old || ::fstat(old.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return 0;
  return last_number_in(tail_of(old.get(), facts.st_size));
}

}  // namespace

std::int64_t last_number_in(std::string_view text) {
  while (!text.empty()) {
    const auto before = text.find_last_of('\n', text.size() - 1);
    const auto line = before == std::string_view::npos ? text : text.substr(before + 1);
    const auto parsed = json::parse(line);
    const auto* seq = parsed && parsed->is(json::Kind::object) ? parsed->find("seq") : nullptr;
    if (const auto number = seq != nullptr ? seq->integer() : std::nullopt) return *number;
    if (before == std::string_view::npos) break;
    text = text.substr(0, before);
  }
  return 0;
}

bool Mirror::is_moved() const {
  struct stat ours{};
  struct stat there{};
  return ::fstat(file_.get(), &ours) != 0 || ::lstat(path_.c_str(), &there) != 0 ||
         ours.st_dev != there.st_dev || ours.st_ino != there.st_ino;
}

void Mirror::reopen() { file_ = platform::Descriptor(); }

Result<void> Mirror::open() {
  platform::Descriptor file(::open(
      path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kMode));
  struct stat facts{};
  if (!file || ::fstat(file.get(), &facts) != 0) return failed(path_, errno);
  if (!S_ISREG(facts.st_mode)) return failed(path_, EINVAL);
  // The umask takes the group's right to read away; it is for who carries the file on.
  if (facts.st_size == 0 && facts.st_uid == ::geteuid()) (void)!::fchmod(file.get(), kMode);
  file_ = std::move(file);
  size_ = -1;
  return {};
}

Result<std::int64_t> Mirror::begin() {
  if (!file_ || is_moved()) TRY(open());
  struct stat facts{};
  if (::fstat(file_.get(), &facts) != 0) return failed(path_, errno);
  if (facts.st_size == size_) return last_;
  const auto tail = tail_of(file_.get(), facts.st_size);
  torn_ = !tail.empty() && !tail.ends_with('\n');
  size_ = facts.st_size;
  const auto found = facts.st_size > 0 ? last_number_in(tail) : last_of_rotated(path_);
  // A file that has just become empty goes on where this process was.
  if (facts.st_size > 0 || last_ == 0) last_ = found;
  return last_;
}

Result<void> Mirror::add(const std::vector<audit::StoredRow>& rows) {
  std::string text = std::exchange(torn_, false) ? "\n" : "";
  const auto put = [&]() -> Result<void> {
    std::string_view rest = text;
    while (!rest.empty()) {
      const auto written = ::write(file_.get(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        const int error = errno;
        size_ = -1;  // Looked at again: a line may be torn.
        return failed(path_, error);
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
      size_ += written;
    }
    text.clear();
    return {};
  };
  for (const auto& row : rows) {
    text += line_of(row);
    if (text.size() >= kPiece) TRY(put());
  }
  TRY(put());
  if (!rows.empty()) last_ = rows.back().row.seq;
  return {};
}

}  // namespace aivault::vault
