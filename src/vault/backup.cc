#include "vault/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "crypto/stream_hash.h"
#include "crypto/uuid.h"
#include "store/schema.h"
#include "vault/layout.h"
#include "vault/open_vault.h"
#include "vault/whole_check.h"

namespace aivault::vault {
namespace {

constexpr std::size_t kPiece = crypto::kStreamChunk;

UnixMs wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

tl::unexpected<Error> unreadable() {
  return vault_unavailable("not_writable", "vault not writable: the copy cannot be read");
}

// A file of the vault directory that goes with this object; if the process dies, with the next
// open of the vault.
class TemporaryFile {
 public:
  static Result<TemporaryFile> make(const platform::Directory& root) {
    auto name = std::string(kDatabaseName) + ".tmp." + std::to_string(::getpid()) + "." +
                crypto::random_suffix();
    TRY(root.create(name));
    return TemporaryFile(root, std::move(name));
  }
  TemporaryFile(TemporaryFile&& other) noexcept
      : root_(other.root_), name_(std::exchange(other.name_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (name_.empty()) return;
    root_.remove(name_);
    root_.remove(name_ + "-journal");
  }
  std::string path() const { return root_.path() + "/" + name_; }
  Result<platform::Descriptor> open() const {
    platform::Descriptor file(
        ::openat(root_.descriptor(), name_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file) return unreadable();
    return file;
  }

 private:
  TemporaryFile(const platform::Directory& root, std::string name)
      : root_(root), name_(std::move(name)) {}
  const platform::Directory& root_;
  std::string name_;
};

// Reads the archive back as it is written, as restore will. That it is asked for the same cost
// proves that the same key will be made of the passphrase.
class ReadingBack final : public ArchiveReader::Receiver {
 public:
  ReadingBack(const crypto::PassphraseCost& cost, const Secret& key) : cost_(cost), key_(key) {}
  Result<Secret> key(const ArchiveHeader& header) override {
    const bool same = header.cost.salt == cost_.salt && header.cost.passes == cost_.passes &&
                      header.cost.memory_kib == cost_.memory_kib;
    if (!same)
      return vault_unavailable("internal", "internal error: the archive is not as written");
    return key_.clone();
  }
  Result<void> begin_database(std::uint64_t) override { return {}; }
  Result<void> database(std::string_view) override { return {}; }

 private:
  const crypto::PassphraseCost& cost_;
  const Secret& key_;
};

// What goes out, read back on its way. A reader may be as slow as it likes, so the first of it is
// held until nothing here needs the keys of the vault any more.
class Outgoing {
 public:
  // Two chunks: then what writes and what reads back have both overwritten the first.
  static constexpr std::size_t kHeld = 2 * crypto::kStreamSealedChunk;

  Outgoing(const ArchiveWriter::Sink& sink, ArchiveReader::Receiver& receiver)
      : sink_(sink), reading_back_(receiver) {}
  Result<void> put(std::string_view bytes) {
    digest_.add(bytes);
    TRY(reading_back_.feed(bytes));
    if (let_go_) return sink_(bytes);
    held_ += bytes;
    return {};
  }
  bool is_due() const { return !let_go_ && held_.size() >= kHeld; }
  Result<void> let_go() {
    if (std::exchange(let_go_, true)) return {};
    reading_back_.forget_key();
    return sink_(std::exchange(held_, {}));
  }
  Result<std::string> finish() {
    TRY(reading_back_.finish());
    return digest_.finish_hex();
  }

 private:
  const ArchiveWriter::Sink& sink_;
  ArchiveReader reading_back_;
  crypto::StreamSha256 digest_;
  std::string held_;
  bool let_go_ = false;
};

// `sealed` is called once enough of it is sealed that the key is neither needed nor held.
Result<void> copy_database(const TemporaryFile& copy,
                           ArchiveWriter& writer,
                           const Outgoing& outgoing,
                           const std::function<Result<void>()>& sealed) {
  TRY_ASSIGN(const auto file, copy.open());
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return unreadable();
  auto left = static_cast<std::uint64_t>(facts.st_size);
  TRY(writer.begin_database(left));
  std::vector<char> piece(kPiece);
  while (left > 0) {
    const auto got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || static_cast<std::uint64_t>(got) > left) return unreadable();
    left -= static_cast<std::uint64_t>(got);
    TRY(writer.database({piece.data(), static_cast<std::size_t>(got)}));
    if (outgoing.is_due()) TRY(sealed());
  }
  return {};
}

audit::Event event_of(const BackupRequest& request, const Whole& whole) {
  auto event = request.who;
  event.kind = "vault.backup";
  event.note = std::to_string(whole.secrets) + " secrets, counter " +
               std::to_string(whole.checked.state.counter) + ", version " +
               request.program_version +
               (request.key == ArchivedKey::included ? ", with the key" : ", without the key");
  return event;
}

}  // namespace

Result<BackupDone> Vault::backup(const BackupRequest&, const ArchiveWriter::Sink&) {
  return vault_unavailable("vault_locked", "vault locked");
}

Result<BackupDone> OpenVault::backup(const BackupRequest& request,
                                     const ArchiveWriter::Sink& sink) {
  if (crypto::is_blank(request.passphrase)) {
    return invalid_request("record_invalid", "the passphrase must not be empty");
  }
  TRY(core_->check_in_place());
  // First: it takes a while, for which the keys of the vault are not held.
  const auto passphrase_key = crypto::key_from_passphrase(request.passphrase, request.cost);
  if (!passphrase_key) {
    return vault_unavailable("internal", "there is no memory to make a key of the passphrase");
  }
  const auto goes_on = [&] { return request.goes_on() && !core_->is_locked(); };
  TRY_ASSIGN(auto lease, Lease::from(*this));
  std::shared_ptr<const Keyring> keys;
  {
    TRY_ASSIGN(const auto view, core_->enter(lease.database()));
    keys = view.keys;
    TRY(store::check_schema(lease.database()));  // Nothing else is ever copied.
  }
  TRY_ASSIGN(const auto copy, TemporaryFile::make(core_->root()));
  TRY(lease.database().copy_into(copy.path(), goes_on));
  Whole whole;
  {
    TRY_ASSIGN(auto database, store::Database::open(copy.path()));
    database.work_while(goes_on);
    TRY_ASSIGN(whole, check_whole(database, core_->root(), KeyInput{core_->sources()}, keys));
  }
  // Recorded before a byte leaves: who breaks off at the last one has the archive all the same.
  TRY(change([&](Change& change) -> Result<void> {
    change.record(event_of(request, whole));
    return {};
  }));
  const auto& vault = whole.checked.vault;
  const ArchiveHeader header{vault.vault_id, wall_clock(), request.cost};
  ReadingBack receiver(request.cost, *passphrase_key);
  Outgoing outgoing(sink, receiver);
  const auto send = [&](std::string_view bytes) { return outgoing.put(bytes); };
  TRY_ASSIGN(auto writer, ArchiveWriter::begin(send, header, *passphrase_key));
  const ArchiveManifest manifest{vault.vault_id,
                                 request.program_version,
                                 store::kSchemaVersion,
                                 whole.checked.state.counter,
                                 whole.secrets};
  const auto* kek = request.key == ArchivedKey::included ? &keys->master().kek() : nullptr;
  TRY(writer.describe(manifest, header_text(vault), kek));
  const auto let_go = [&] {
    keys.reset();
    whole.checked.keys.reset();
    return outgoing.let_go();
  };
  TRY(copy_database(copy, writer, outgoing, let_go));
  TRY(writer.finish());
  TRY(let_go());
  TRY_ASSIGN(auto sha256, outgoing.finish());
  return BackupDone{
      std::move(sha256), whole.secrets, static_cast<std::int64_t>(whole.archived_files.size())};
}

}  // namespace aivault::vault
