#include "cli/body_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "http/chunked.h"
#include "protocol/frame.h"

namespace aivault::cli {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10U;

auto failed(std::string_view what, const std::string& path, int error) {
  return invalid_request("", std::string(what) + ": '" + path + "': " + std::strerror(error));
}

platform::Descriptor open_input(const std::string& path) {
  if (path == FileReference::kStdin) {
    return platform::Descriptor(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  }
  return platform::Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
}

// -1 with errno; 0 at the end.
ssize_t read_again(int descriptor, char* bytes, std::size_t size) {
  while (true) {
    const auto got = read(descriptor, bytes, size);
    if (got >= 0 || errno != EINTR) return got;
  }
}

// The parts of a form must say their size beforehand; what is no regular file is copied to an
// unnamed one. 0, or the errno.
int make_sized(platform::Descriptor& file, std::uint64_t& size) {
  platform::Descriptor copy(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!copy) return errno;
  std::array<char, kPiece> piece{};
  size = 0;
  while (true) {
    const auto got = read_again(file.get(), piece.data(), piece.size());
    if (got < 0) return errno;
    if (got == 0) break;
    for (ssize_t at = 0; at < got;) {
      const auto put = write(copy.get(), piece.data() + at, static_cast<std::size_t>(got - at));
      if (put < 0) return errno;
      at += put;
    }
    size += static_cast<std::uint64_t>(got);
  }
  if (lseek(copy.get(), 0, SEEK_SET) != 0) return errno;
  file = std::move(copy);
  return 0;
}

Result<InputFile> open_file(const FileReference& reference) {
  const bool is_body = reference.role == FileReference::Role::body;
  const std::string_view what =
      is_body ? "bodyFilePath not accessible" : "multipart file path not accessible";
  InputFile input{open_input(reference.path), reference.path, std::nullopt};
  if (!input.file) return failed(what, reference.path, errno);
  struct stat status{};
  if (fstat(input.file.get(), &status) != 0) return failed(what, reference.path, errno);
  if (S_ISDIR(status.st_mode)) return failed(what, reference.path, EISDIR);
  if (S_ISREG(status.st_mode)) {
    const auto at = lseek(input.file.get(), 0, SEEK_CUR);  // stdin may be anywhere.
    input.left =
        static_cast<std::uint64_t>(std::max<off_t>(status.st_size - std::max<off_t>(at, 0), 0));
  } else if (!is_body) {
    std::uint64_t size = 0;
    if (const int error = make_sized(input.file, size); error != 0) {
      return failed(what, reference.path, error);
    }
    input.left = size;
  }
  return input;
}

}  // namespace

Result<std::vector<InputFile>> open_files(CallRequest& request) {
  std::vector<InputFile> inputs;
  for (const auto& reference : request.files) {
    TRY_ASSIGN(auto input, open_file(reference));
    announce(request, reference, input.left);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Result<Payload> read_payload(const std::string& path) {
  const auto file = open_input(path);
  if (!file) return failed("cannot read --request-file", path, errno);
  Payload read;
  struct stat facts{};
  read.is_trusted = ::fstat(file.get(), &facts) == 0 &&
                    (facts.st_uid == ::geteuid() || facts.st_uid == 0) &&
                    (S_ISCHR(facts.st_mode) || (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0);
  auto& payload = read.text;
  while (true) {
    const auto before = payload.size();
    if (before > protocol::kMaxEnvelope) {
      return invalid_request("", "invalid request payload JSON: larger than 32 MiB");
    }
    payload.resize(before + kPiece);
    const auto got = read_again(file.get(), payload.data() + before, kPiece);
    const int error = errno;
    payload.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0) return failed("cannot read --request-file", path, error);
    if (got == 0) return read;
  }
}

BodyInput::BodyInput(std::string beginning, std::vector<InputFile> files)
    : beginning_(std::move(beginning)), files_(std::move(files)), size_(beginning_.size()) {
  for (const auto& file : files_) {
    if (!file.left) size_ = std::nullopt;
    if (size_) *size_ += file.left.value_or(0);
  }
}

int BodyInput::waits_for() const {
  if (done_ || !beginning_.empty() || current_ == files_.size()) return -1;
  return files_[current_].file.get();
}

void BodyInput::append(std::string& out, std::string_view bytes) const {
  if (size_) {
    out += bytes;
  } else if (!bytes.empty()) {
    out += http::chunk_header(bytes.size());
    out += bytes;
    out += "\r\n";
  }
}

Result<void> BodyInput::fill(std::string& out) {
  if (!beginning_.empty()) {
    append(out, beginning_);
    beginning_.clear();
    return {};
  }
  while (current_ < files_.size() && files_[current_].left == 0U) ++current_;
  if (current_ == files_.size()) {
    if (!size_) out += "0\r\n\r\n";
    done_ = true;
    return {};
  }
  auto& input = files_[current_];
  std::array<char, kPiece> piece{};
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(input.left.value_or(kPiece), kPiece));
  const auto got = read_again(input.file.get(), piece.data(), wanted);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
  if (got < 0) return failed("cannot read the body", input.path, errno);
  if (got == 0 && input.left) {
    return invalid_request("", "'" + input.path + "' became shorter while it was sent");
  }
  if (got == 0) {
    ++current_;
    return {};
  }
  if (input.left) *input.left -= static_cast<std::uint64_t>(got);
  append(out, {piece.data(), static_cast<std::size_t>(got)});
  return {};
}

}  // namespace aivault::cli
