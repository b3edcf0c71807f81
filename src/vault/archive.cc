#include "vault/archive.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/encoding.h"
#include "crypto/canonical.h"
#include "crypto/keys.h"
#include "crypto/seal.h"
#include "json/parse.h"
#include "json/write.h"

namespace aivault::vault {
namespace {

using json::Value;

constexpr std::string_view kMagic("AIVBAK\0\1", 8);  // Ends with the version of the archive.
constexpr std::size_t kVersionAt = 7;
static_assert(kArchivePrefix == kMagic.size() + 4);
constexpr std::size_t kPartHead = 1 + 8;
constexpr std::int64_t kMaxTime = 253'402'300'799'999;  // The last millisecond of the year 9999.
constexpr std::uint64_t kMaxDatabase = std::uint64_t{1} << 44U;  // What SQLite can hold, roughly.

// The parts of the plaintext, in this order.
constexpr std::uint8_t kEnd = 0, kManifest = 1, kHeader = 2, kKek = 3, kDatabase = 4;

tl::unexpected<Error> damaged(const std::string& what) {
  return invalid_request("record_invalid", "archive damaged: " + what + "; nothing was changed");
}

template <typename Integer>
std::string little_endian(Integer value) {
  std::string out(sizeof(value), '\0');
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    out[i] = static_cast<char>(value >> (8U * i) & 0xFFU);
  }
  return out;
}

template <typename Integer>
Integer from_little_endian(std::string_view bytes) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    value |= Integer{static_cast<unsigned char>(bytes[i])} << (8U * i);
  }
  return value;
}

std::string key_context() { return crypto::Canonical("backup").bytes(); }

std::string associated(std::string_view prologue) {
  return std::string(crypto::view(crypto::hash({prologue})));
}

std::optional<std::string> text_at(const Value& object, std::string_view key) {
  const auto* found = object.find(key);
  if (found == nullptr || !found->is(json::Kind::string)) return std::nullopt;
  return std::string(found->text());
}

std::optional<std::string> bytes_at(const Value& object, std::string_view key, std::size_t size) {
  const auto text = text_at(object, key);
  auto bytes = text ? from_base64(*text) : std::nullopt;
  if (!bytes || bytes->size() != size) return std::nullopt;
  return bytes;
}

std::optional<std::int64_t> integer_at(const Value& object, std::string_view key) {
  const auto* found = object.find(key);
  return found == nullptr ? std::nullopt : found->integer();
}

Value cost_entry(const crypto::PassphraseCost& cost) {
  return Value::object({{"alg", "argon2id13"},
                        {"saltB64", base64(bytes_of(cost.salt))},
                        {"passes", cost.passes},
                        {"memoryKib", cost.memory_kib}});
}

std::optional<crypto::PassphraseCost> cost_of(const Value* entry) {
  if (entry == nullptr || text_at(*entry, "alg") != "argon2id13") return std::nullopt;
  auto salt = bytes_at(*entry, "saltB64", crypto::kSaltBytes);
  const auto passes = integer_at(*entry, "passes");
  const auto memory = integer_at(*entry, "memoryKib");
  if (!salt || !passes || !memory) return std::nullopt;
  return crypto::PassphraseCost{*std::move(salt), *passes, *memory};
}

}  // namespace

Result<ArchiveWriter> ArchiveWriter::begin(Sink sink,
                                           const ArchiveHeader& header,
                                           const Secret& passphrase_key) {
  const auto file_key = crypto::random_key();
  const auto sealed = crypto::seal(passphrase_key, file_key, key_context());
  const auto text = json::compact(Value::object({{"vaultId", header.vault_id},
                                                 {"createdAtMs", to_int(header.created_at)},
                                                 {"kdf", cost_entry(header.cost)},
                                                 {"nonceB64", base64(bytes_of(sealed.nonce))},
                                                 {"keyB64", base64(bytes_of(sealed.ciphertext))}}));
  auto prologue =
      std::string(kMagic) + little_endian(static_cast<std::uint32_t>(text.size())) + text;
  ArchiveWriter writer(std::move(sink), crypto::StreamSealer(file_key, associated(prologue)));
  TRY(writer.sink_(prologue + writer.sealer_.header()));
  return writer;
}

void ArchiveWriter::put(std::string_view plain) {
  hash_.add(plain);
  sealer_.put(plain, sealed_);
}

void ArchiveWriter::begin_part(std::uint8_t type, std::uint64_t size) {
  put(static_cast<char>(type) + little_endian(size));
}

Result<void> ArchiveWriter::flush() {
  if (sealed_.empty()) return {};
  auto written = sink_(sealed_);
  sealed_.clear();
  return written;
}

Result<void> ArchiveWriter::describe(const ArchiveManifest& manifest,
                                     std::string_view vault_header,
                                     const Secret* kek) {
  const auto text = json::compact(Value::object({{"vaultId", manifest.vault_id},
                                                 {"schema", manifest.schema},
                                                 {"counter", manifest.counter},
                                                 {"programVersion", manifest.program_version},
                                                 {"secrets", manifest.secrets}}));
  begin_part(kManifest, text.size());
  put(text);
  begin_part(kHeader, vault_header.size());
  put(vault_header);
  if (kek != nullptr) {
    begin_part(kKek, kek->size());
    hash_.add(*kek);
    sealer_.put(*kek, sealed_);
  }
  return flush();
}

Result<void> ArchiveWriter::begin_database(std::uint64_t size) {
  begin_part(kDatabase, size);
  return flush();
}

Result<void> ArchiveWriter::database(std::string_view piece) {
  put(piece);
  return flush();
}

Result<void> ArchiveWriter::finish() {
  const auto hash = hash_.finish();
  sealer_.put(static_cast<char>(kEnd) + little_endian(std::uint64_t{hash.size()}), sealed_);
  sealer_.put(crypto::view(hash), sealed_);
  sealer_.finish(sealed_);
  return flush();
}

Result<void> ArchiveReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (stage_ == Stage::chunks && opener_->ended()) return damaged("bytes after its end");
    const auto size = std::min(bytes.size(), wanted_ - buffer_.size());
    buffer_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (buffer_.size() == wanted_) TRY(step());
  }
  return {};
}

Result<ArchiveReader::Contents> ArchiveReader::finish() {
  if (stage_ != Stage::chunks) {
    if (stage_ == Stage::prefix) return damaged("it is too short");
    return damaged("it ends early");
  }
  if (!opener_->ended() && !buffer_.empty()) TRY(open_chunk());
  if (!opener_->ended() || !ended_) return damaged("it ends early");
  return std::move(contents_);
}

Result<void> ArchiveReader::step() {
  switch (stage_) {
    case Stage::prefix: return read_prefix();
    case Stage::header: return read_header();
    case Stage::stream_header: return read_stream_header();
    case Stage::chunks: break;
  }
  return open_chunk();
}

Result<void> ArchiveReader::read_prefix() {
  const std::string_view prefix = buffer_;
  if (prefix.substr(0, kVersionAt) != kMagic.substr(0, kVersionAt)) {
    return invalid_request("record_invalid", "this is not an archive of aivault");
  }
  const auto version = static_cast<unsigned char>(prefix[kVersionAt]);
  if (version > static_cast<unsigned char>(kMagic[kVersionAt])) {
    return vault_unavailable(
        "newer_format",
        "archive format " + std::to_string(version) + " is newer than this program");
  }
  const auto size = from_little_endian<std::uint32_t>(prefix.substr(kMagic.size()));
  if (version == 0 || size == 0 || size > kMaxArchiveHeader) return damaged("header");
  prologue_ = std::exchange(buffer_, {});
  wanted_ = size;
  stage_ = Stage::header;
  return {};
}

Result<void> ArchiveReader::read_header() {
  const auto parsed = json::parse(buffer_);
  if (!parsed || !parsed->is(json::Kind::object)) return damaged("header");
  auto& header = contents_.header;
  const auto id = text_at(*parsed, "vaultId");
  const auto created = integer_at(*parsed, "createdAtMs");
  auto cost = cost_of(parsed->find("kdf"));
  auto nonce = bytes_at(*parsed, "nonceB64", 24);
  auto key = bytes_at(*parsed, "keyB64", crypto::kKeyBytes + 16);
  if (!id || !created || !cost || !nonce || !key) return damaged("header");
  if (*created < 0 || *created > kMaxTime) return damaged("its time is out of bounds");
  if (!crypto::is_acceptable(*cost)) return damaged("the cost of its passphrase is out of bounds");
  header = {*id, from_int(*created), *std::move(cost)};
  TRY_ASSIGN(const auto passphrase_key, receiver_.key(header));
  file_key_ = crypto::open(
      passphrase_key, crypto::Sealed{*std::move(nonce), *std::move(key)}, key_context());
  if (!file_key_) return vault_unavailable("wrong_key", "wrong passphrase (decrypt failed)");
  prologue_ += buffer_;
  buffer_.clear();
  wanted_ = crypto::kStreamHeaderBytes;
  stage_ = Stage::stream_header;
  return {};
}

Result<void> ArchiveReader::read_stream_header() {
  opener_ = crypto::StreamOpener::begin(*file_key_, buffer_, associated(prologue_));
  if (!opener_) return damaged("header");
  buffer_.clear();
  wanted_ = crypto::kStreamSealedChunk;
  stage_ = Stage::chunks;
  return {};
}

Result<void> ArchiveReader::open_chunk() {
  if (!opener_->open(buffer_)) return damaged("its bytes were changed, or it ends early");
  buffer_.clear();
  return read_parts();
}

Result<void> ArchiveReader::read_parts() {
  while (opener_->left() > 0) {
    if (ended_) return damaged("bytes after its end");
    if (part_) {
      TRY(read_part());
    } else {
      const auto size = std::min(opener_->left(), kPartHead - head_.size());
      head_ += opener_->take(size);
      if (head_.size() == kPartHead) TRY(begin_part());
    }
  }
  return {};
}

Result<void> ArchiveReader::begin_part() {
  const auto type = static_cast<std::uint8_t>(head_.front());
  const auto size = from_little_endian<std::uint64_t>(std::string_view(head_).substr(1));
  const bool in_order = (type == last_part_ + 1 && type <= kDatabase) ||
                        (type == kDatabase && last_part_ == kHeader) ||
                        (type == kEnd && last_part_ == kDatabase);
  if (!in_order) return damaged("the order of its parts");
  struct Bounds {
    std::uint64_t least, most;
  };
  constexpr std::array<Bounds, 5> kBounds = {{{32, 32},
                                              {1, kMaxArchiveHeader},
                                              {1, kMaxArchiveHeader},
                                              {crypto::kKeyBytes, crypto::kKeyBytes},
                                              {512, kMaxDatabase}}};
  const auto& bounds = kBounds.at(type);
  if (size < bounds.least || size > bounds.most) return damaged("the size of a part");
  if (type != kEnd) hash_.add(head_);
  if (type == kKek) contents_.kek = Secret::zeroed(size);
  head_.clear();
  part_ = type;
  part_size_ = size;
  part_have_ = 0;
  if (type == kDatabase) return receiver_.begin_database(size);
  return {};
}

Result<void> ArchiveReader::read_part() {
  const auto size =
      static_cast<std::size_t>(std::min<std::uint64_t>(opener_->left(), part_size_ - part_have_));
  if (*part_ == kKek) {
    opener_->take_into(*contents_.kek, static_cast<std::size_t>(part_have_), size);
  } else {
    const auto piece = opener_->take(size);
    if (*part_ != kEnd) hash_.add(piece);
    if (*part_ == kDatabase) {
      TRY(receiver_.database(piece));
    } else {
      small_ += piece;
    }
  }
  part_have_ += size;
  return part_have_ == part_size_ ? end_part() : Result<void>();
}

Result<void> ArchiveReader::end_part() {
  const auto type = *part_;
  part_.reset();
  last_part_ = type;
  auto text = std::exchange(small_, {});
  switch (type) {
    case kManifest: return read_manifest(text);
    case kHeader: contents_.vault_header = std::move(text); break;
    case kKek: hash_.add(*contents_.kek); break;
    case kEnd:
      if (!crypto::equal(crypto::view(hash_.finish()), text)) return damaged("its hash");
      ended_ = true;
      break;
    default: break;
  }
  return {};
}

Result<void> ArchiveReader::read_manifest(std::string_view text) {
  const auto parsed = json::parse(text);
  if (!parsed || !parsed->is(json::Kind::object)) return damaged("manifest");
  const auto id = text_at(*parsed, "vaultId");
  const auto version = text_at(*parsed, "programVersion");
  const auto schema = integer_at(*parsed, "schema");
  const auto counter = integer_at(*parsed, "counter");
  const auto secrets = integer_at(*parsed, "secrets");
  if (!id || !version || !schema || !counter || !secrets) return damaged("manifest");
  if (*id != contents_.header.vault_id) return damaged("it names two vaults");
  contents_.manifest = {*id, *version, *schema, *counter, *secrets};
  return {};
}

}  // namespace aivault::vault
