#include "vault/restore_receive.h"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "vault/layout.h"

namespace aivault::vault {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10U;

tl::unexpected<Error> not_writable(const platform::Directory& directory, int error) {
  return vault_unavailable(
      "not_writable",
      "vault not writable: " + directory.path() + ": " + std::system_category().message(error));
}

class Receiving final : public ArchiveReader::Receiver {
 public:
  Receiving(const Secret& passphrase, const platform::Directory& directory)
      : passphrase_(passphrase), directory_(directory) {}

  Result<Secret> key(const ArchiveHeader& header) override {
    auto key = crypto::key_from_passphrase(passphrase_, header.cost);
    if (!key) {
      return vault_unavailable("internal", "there is no memory to make a key of the passphrase");
    }
    return std::move(*key);
  }

  Result<void> begin_database(std::uint64_t) override {
    TRY_ASSIGN(file_, directory_.create(kRestoredName));
    return {};
  }

  Result<void> database(std::string_view piece) override {
    while (!piece.empty()) {
      const auto put = ::write(file_->get(), piece.data(), piece.size());
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return not_writable(directory_, errno);
      piece.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
  }

  Result<void> finish() const {
    if (::fsync(file_->get()) != 0) return not_writable(directory_, errno);
    return {};
  }

 private:
  const Secret& passphrase_;
  const platform::Directory& directory_;
  std::optional<platform::Descriptor> file_;
};

}  // namespace

Result<ArchiveReader::Contents> receive_archive(const RestoreRequest& request,
                                                const platform::Directory& directory) {
  remove_received(directory);  // Of a process that died here.
  Receiving receiving(request.passphrase, directory);
  ArchiveReader reader(receiving);
  std::vector<char> piece(kPiece);
  while (true) {
    TRY_ASSIGN(const auto size, request.source(piece));
    if (size == 0) break;
    TRY(reader.feed({piece.data(), size}));
  }
  TRY_ASSIGN(auto contents, reader.finish());
  TRY(receiving.finish());
  return contents;
}

void remove_received(const platform::Directory& directory) {
  for (const auto& name : directory.names()) {
    if (name.starts_with(kRestoredName)) directory.remove(name);
  }
}

}  // namespace aivault::vault
