// archive: one snapshot of a vault as one encrypted run of bytes (docs/backup.md). Written and read
// in a stream: memory does not grow with the vault.
// Thread: one object belongs to one thread at a time. Does no I/O of its own.
// Errors: those of the sink; reading: invalid_request record_invalid `archive damaged: ...`,
// vault_unavailable wrong_key `wrong passphrase (decrypt failed)` | newer_format.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "crypto/passphrase.h"
#include "crypto/secret_stream.h"
#include "crypto/stream_hash.h"

namespace aivault::vault {

inline constexpr std::size_t kArchivePrefix = 12;         // Magic, version, length of the header.
inline constexpr std::size_t kMaxArchiveHeader = 65'536;  // Bytes; of each of its small parts too.

// What may be known without the passphrase.
struct ArchiveHeader {
  std::string vault_id;
  UnixMs created_at;
  crypto::PassphraseCost cost;
};

struct ArchiveManifest {
  std::string vault_id, program_version;
  std::int64_t schema = 0, counter = 0, secrets = 0;
};

class ArchiveWriter {
 public:
  using Sink = std::function<Result<void>(std::string_view)>;

  // `passphrase_key` was made at header.cost. The parts follow in this order, each once.
  static Result<ArchiveWriter> begin(Sink sink,
                                     const ArchiveHeader& header,
                                     const Secret& passphrase_key);
  // `vault_header`: the text of vault.json. `kek`: nullptr leaves the key out.
  Result<void> describe(const ArchiveManifest& manifest,
                        std::string_view vault_header,
                        const Secret* kek);
  // The database follows: exactly `size` bytes, in pieces.
  Result<void> begin_database(std::uint64_t size);
  Result<void> database(std::string_view piece);
  Result<void> finish();

 private:
  ArchiveWriter(Sink sink, crypto::StreamSealer sealer)
      : sink_(std::move(sink)), sealer_(std::move(sealer)) {}
  void begin_part(std::uint8_t type, std::uint64_t size);
  void put(std::string_view plain);
  Result<void> flush();

  Sink sink_;
  crypto::StreamSealer sealer_;
  crypto::StreamHash hash_;
  std::string sealed_;
};

class ArchiveReader {
 public:
  // What is done with what is read, as it comes. Nothing of it counts before finish().
  class Receiver {
   public:
    virtual ~Receiver() = default;
    // The key of the passphrase; asked once, with a cost that is acceptable.
    virtual Result<Secret> key(const ArchiveHeader& header) = 0;
    virtual Result<void> begin_database(std::uint64_t size) = 0;
    virtual Result<void> database(std::string_view piece) = 0;
  };
  struct Contents {
    ArchiveHeader header;
    ArchiveManifest manifest;
    std::string vault_header;
    std::optional<Secret> kek;  // 32 bytes.
  };

  explicit ArchiveReader(Receiver& receiver) : receiver_(receiver) {}
  Result<void> feed(std::string_view bytes);    // The next ones, however they are cut.
  Result<Contents> finish();                    // There are no more: is it complete and true?
  void forget_key() { contents_.kek.reset(); }  // Once the database has begun.

 private:
  enum class Stage : std::uint8_t { prefix, header, stream_header, chunks };
  Result<void> step();
  Result<void> read_prefix();
  Result<void> read_header();
  Result<void> read_stream_header();
  Result<void> open_chunk();
  Result<void> read_parts();
  Result<void> begin_part();
  Result<void> read_part();
  Result<void> end_part();
  Result<void> read_manifest(std::string_view text);

  Receiver& receiver_;
  Contents contents_;

  Stage stage_ = Stage::prefix;
  std::size_t wanted_ = kArchivePrefix;  // Bytes of buffer_ that the stage needs.
  std::string buffer_;                   // Of the archive; at most one chunk.
  std::string prologue_;  // Everything before the stream: authenticated with its first chunk.
  std::string sealed_key_nonce_, sealed_key_;
  std::optional<Secret> file_key_;
  std::optional<crypto::StreamOpener> opener_;

  crypto::StreamHash hash_;
  std::string head_, small_;  // Of the part under way.
  std::optional<std::uint8_t> part_;
  std::uint64_t part_size_ = 0, part_have_ = 0;
  std::uint8_t last_part_ = 0;  // 0: none yet.
  bool ended_ = false;          // The end part was right.
};

}  // namespace aivault::vault
