#include "vault/archive.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/encoding.h"
#include "crypto/canonical.h"
#include "crypto/keys.h"
#include "crypto/seal.h"

namespace aivault::vault {
namespace {

const ArchiveManifest kManifestOfTest{"8f14e45f-ceea-467f-a8de-2f1c3b5d7e90", "0.2.0", 1, 7, 12};
constexpr std::string_view kVaultHeader = R"({"format":"aivault"})";

crypto::PassphraseCost cheap_cost() {
  crypto::PassphraseCost cost;
  cost.salt = std::string(crypto::kSaltBytes, 's');
  cost.passes = 2;
  cost.memory_kib = 65'536;
  return cost;
}

ArchiveHeader header_of_test() {
  return {kManifestOfTest.vault_id, from_int(1'700'000'000'000), cheap_cost()};
}

class Receiver final : public ArchiveReader::Receiver {
 public:
  explicit Receiver(const Secret& key) : key_(key.clone()) {}
  Result<Secret> key(const ArchiveHeader&) override {
    ++keys_asked;
    return key_.clone();
  }
  Result<void> begin_database(std::uint64_t size) override {
    announced = size;
    return {};
  }
  Result<void> database(std::string_view piece) override {
    content += piece;
    return {};
  }
  int keys_asked = 0;
  std::uint64_t announced = 0;
  std::string content;

 private:
  Secret key_;
};

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
  return bytes;
}

class Archive : public ::testing::Test {
 protected:
  std::string write(const std::string& database, const Secret* kek) const {
    std::string out;
    const auto append = [&](std::string_view bytes) -> Result<void> {
      out += bytes;
      return {};
    };
    auto writer = ArchiveWriter::begin(append, header_of_test(), key_);
    EXPECT_TRUE(writer);
    EXPECT_TRUE(writer->describe(kManifestOfTest, kVaultHeader, kek));
    EXPECT_TRUE(writer->begin_database(database.size()));
    for (std::size_t at = 0; at < database.size(); at += 30'000) {
      EXPECT_TRUE(writer->database(std::string_view(database).substr(at, 30'000)));
    }
    EXPECT_TRUE(writer->finish());
    return out;
  }

  // "": it is whole and true.
  std::string read(std::string_view archive, std::size_t piece = 1U << 20U) {
    receiver_.emplace(key_);
    ArchiveReader reader(*receiver_);
    while (!archive.empty()) {
      const auto now = archive.substr(0, piece);
      archive.remove_prefix(now.size());
      if (auto fed = reader.feed(now); !fed) return fed.error().message;
    }
    auto contents = reader.finish();
    if (!contents) return contents.error().message;
    contents_ = *std::move(contents);
    return "";
  }

  // An archive whose plaintext is made by hand, sealed as it should be.
  std::string write_parts(std::string_view plain) const {
    const auto real = write(pattern(512), nullptr);
    const auto size =
        static_cast<unsigned char>(real[8]) + 256U * static_cast<unsigned char>(real[9]);
    const auto prologue = real.substr(0, 12 + size);
    const auto at = prologue.find(R"("keyB64":")") + 10;
    const auto nonce_at = prologue.find(R"("nonceB64":")") + 12;
    const crypto::Sealed sealed{
        *from_base64(prologue.substr(nonce_at, prologue.find('"', nonce_at) - nonce_at)),
        *from_base64(prologue.substr(at, prologue.find('"', at) - at))};
    const auto file_key = crypto::open(key_, sealed, crypto::Canonical("backup").bytes());
    crypto::StreamSealer sealer(*file_key, std::string(crypto::view(crypto::hash({prologue}))));
    std::string out = prologue + sealer.header();
    sealer.put(plain, out);
    sealer.finish(out);
    return out;
  }

  // Everything before the first chunk.
  static std::size_t header_size(std::string_view archive) {
    return 12U + static_cast<unsigned char>(archive[8]) +
           256U * static_cast<unsigned char>(archive[9]) + 24U;
  }

  static std::string part(int type, std::string_view bytes, std::uint64_t size) {
    std::string out(1, static_cast<char>(type));
    for (unsigned shift = 0; shift < 64; shift += 8) {
      out += static_cast<char>(size >> shift & 0xFFU);
    }
    return out + std::string(bytes);
  }
  static std::string part(int type, std::string_view bytes) {
    return part(type, bytes, bytes.size());
  }
  static std::string with_end(const std::string& parts) {
    return parts + part(0, crypto::view(crypto::hash({parts})));
  }

  Secret key_ = Secret::copy_of(std::string(32, 'k'));
  Secret kek_ = Secret::copy_of(pattern(32));
  std::optional<Receiver> receiver_;
  std::optional<ArchiveReader::Contents> contents_;
};

const std::string kManifestText =
    R"({"vaultId":"8f14e45f-ceea-467f-a8de-2f1c3b5d7e90","schema":1,"counter":7,)"
    R"("programVersion":"0.2.0","secrets":12})";

TEST_F(Archive, GivesBackWhatWentIn) {
  for (const std::size_t size : {512UL, 65'536UL, 200'000UL}) {
    const auto database = pattern(size);
    const auto archive = write(database, &kek_);
    for (const std::size_t piece : {1UL, 7UL, 65'553UL, 1UL << 20U}) {
      if (piece == 1 && size > 65'536) continue;  // Slow, and nothing new.
      ASSERT_EQ("", read(archive, piece)) << size << " in pieces of " << piece;
      EXPECT_EQ(database, receiver_->content);
      EXPECT_EQ(size, receiver_->announced);
      EXPECT_EQ(1, receiver_->keys_asked);
      EXPECT_EQ(kVaultHeader, contents_->vault_header);
      EXPECT_EQ(12, contents_->manifest.secrets);
      EXPECT_EQ(7, contents_->manifest.counter);
      EXPECT_EQ("0.2.0", contents_->manifest.program_version);
      ASSERT_TRUE(contents_->kek);
      EXPECT_TRUE(*contents_->kek == kek_);
      EXPECT_EQ(cheap_cost().memory_kib, contents_->header.cost.memory_kib);
    }
  }
}

TEST_F(Archive, MayLeaveTheKeyOut) {
  ASSERT_EQ("", read(write(pattern(512), nullptr)));
  EXPECT_FALSE(contents_->kek);
}

TEST_F(Archive, BeginsAsItIsDocumented) {
  const auto archive = write(pattern(512), &kek_);
  EXPECT_EQ(std::string("AIVBAK\0\1", 8), archive.substr(0, 8));
  const auto size =
      static_cast<unsigned char>(archive[8]) + 256U * static_cast<unsigned char>(archive[9]);
  EXPECT_TRUE(archive.substr(12, size).starts_with(
      R"({"vaultId":"8f14e45f-ceea-467f-a8de-2f1c3b5d7e90","createdAtMs":1700000000000,)"
      R"("kdf":{"alg":"argon2id13","saltB64":"c3Nzc3Nzc3Nzc3Nzc3Nzcw==","passes":2,"memoryKib":65536},)"));
}

TEST_F(Archive, HoldsNothingReadable) {
  const auto archive = write(pattern(512), &kek_);
  EXPECT_EQ(std::string::npos, archive.find("programVersion"));
  EXPECT_EQ(std::string::npos, archive.find(pattern(32)));
}

TEST_F(Archive, IsNeverReadCutShort) {
  const auto archive = write(pattern(600), &kek_);
  for (std::size_t size = 0; size < archive.size(); ++size) {
    EXPECT_NE("", read(std::string_view(archive).substr(0, size))) << size;
  }
}

TEST_F(Archive, IsNotReadCutAtTheEdgeOfAChunk) {
  const auto archive = write(pattern(150'000), &kek_);
  for (const std::size_t chunks : {0U, 1U, 2U}) {
    const auto size = header_size(archive) + chunks * 65'553;
    ASSERT_LT(size, archive.size());
    EXPECT_EQ("archive damaged: it ends early; nothing was changed",
              read(std::string_view(archive).substr(0, size)));
  }
}

TEST_F(Archive, RefusesEveryFlippedBit) {
  const auto archive = write(pattern(512), &kek_);
  for (std::size_t at = 0; at < archive.size(); ++at) {
    // Every bit of what is parsed, one of each byte behind it.
    const bool all = at < header_size(archive);
    for (unsigned bit = all ? 0 : at % 8; bit < (all ? 8 : at % 8 + 1); ++bit) {
      auto changed = archive;
      changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ (1U << bit));
      EXPECT_NE("", read(changed)) << "byte " << at << " bit " << bit;
    }
  }
}

TEST_F(Archive, RefusesBytesBehindItsEnd) {
  EXPECT_EQ("archive damaged: its bytes were changed, or it ends early; nothing was changed",
            read(write(pattern(512), &kek_) + "x"));
  // The last chunk is full, so that its end is known before what follows.
  constexpr std::size_t kChunk = 65'536;
  const auto small = write(pattern(512), nullptr);
  const auto around = small.size() - header_size(small) - 17 - 512;  // What is not database.
  const auto archive = write(pattern(kChunk - around), nullptr);
  EXPECT_EQ("", read(archive));
  EXPECT_EQ("archive damaged: bytes after its end; nothing was changed", read(archive + "x"));
}

TEST_F(Archive, TellsAWrongPassphrase) {
  const auto archive = write(pattern(512), &kek_);
  key_ = Secret::copy_of(std::string(32, 'x'));
  EXPECT_EQ("wrong passphrase (decrypt failed)", read(archive));
}

TEST_F(Archive, RefusesPartsOfAnotherArchive) {
  const auto one = write(pattern(512), &kek_);
  const auto other = write(pattern(512), &kek_);
  const auto header =
      12U + static_cast<unsigned char>(one[8]) + 256U * static_cast<unsigned char>(one[9]);
  EXPECT_NE("", read(one.substr(0, header) + other.substr(header)));
}

TEST_F(Archive, BoundsWhatItIsToldBeforeItTakesMemory) {
  const auto archive = write(pattern(512), &kek_);
  auto huge = archive;
  huge.replace(8, 4, "\xff\xff\xff\x7f");
  EXPECT_EQ("archive damaged: header; nothing was changed", read(huge));
  EXPECT_EQ("this is not an archive of aivault", read("PK\x03\x04 something else entirely"));
  EXPECT_EQ("this is not an archive of aivault", read(std::string(1000, '\0')));
  auto newer = archive;
  newer[7] = 2;
  EXPECT_EQ("archive format 2 is newer than this program", read(newer));
  EXPECT_EQ("archive damaged: it is too short; nothing was changed", read(""));
}

TEST_F(Archive, RefusesACostThatIsOutOfBoundsBeforeAKeyIsMade) {
  auto archive = write(pattern(512), &kek_);
  for (const auto* cost : {R"("passes":1)", R"("passes":0)"}) {
    auto changed = archive;
    changed.replace(changed.find(R"("passes":2)"), 10, cost);
    EXPECT_EQ("archive damaged: the cost of its passphrase is out of bounds; nothing was changed",
              read(changed));
    EXPECT_EQ(0, receiver_->keys_asked);
  }
}

TEST_F(Archive, RefusesATimeThatIsOutOfBoundsBeforeAKeyIsMade) {
  const auto archive = write(pattern(512), &kek_);
  const std::string_view written = "1700000000000";
  for (const std::string_view time : {"-1", "253402300800000", "9007199254740991"}) {
    auto changed = archive;
    changed.replace(changed.find(written), written.size(), time);
    const auto size = 256U * static_cast<unsigned char>(archive[9]) +
                      static_cast<unsigned char>(archive[8]) + time.size() - written.size();
    changed[8] = static_cast<char>(size % 256U);
    changed[9] = static_cast<char>(size / 256U);
    EXPECT_EQ("archive damaged: its time is out of bounds; nothing was changed", read(changed));
    EXPECT_EQ(0, receiver_->keys_asked);
  }
}

TEST_F(Archive, RefusesPartsThatAreNotAsTheyShould) {
  const auto manifest = part(1, kManifestText);
  const auto header = part(2, kVaultHeader);
  const auto kek = part(3, pattern(32));
  const auto database = part(4, pattern(512));
  ASSERT_EQ("", read(write_parts(with_end(manifest + header + database))));
  ASSERT_EQ("", read(write_parts(with_end(manifest + header + kek + database))));

  const auto order = "archive damaged: the order of its parts; nothing was changed";
  const auto size = "archive damaged: the size of a part; nothing was changed";
  const auto early = "archive damaged: it ends early; nothing was changed";
  const std::pair<std::string, std::string> cases[] = {
      {with_end(header + manifest + database), order},
      {with_end(manifest + database), order},
      {with_end(manifest + header + database + kek), order},
      {with_end(manifest + manifest + header + database), order},
      {with_end(manifest + header + kek + kek + database), order},
      {with_end(manifest + header + database + database), order},
      {with_end(manifest + header), order},
      {with_end(part(5, "x")), order},
      {with_end(""), order},
      {"", early},
      {manifest + header + database, early},
      {with_end(manifest + header + part(3, pattern(31)) + database), size},
      {with_end(manifest + header + part(4, pattern(511))), size},
      {with_end(part(1, "")), size},
      {part(1, "x", 65'537), size},
      {part(1, "x", ~std::uint64_t{0}), size},
      {manifest + header + part(4, "x", ~std::uint64_t{0}), size},
      {manifest + header + part(4, pattern(512), 513), early},
      {with_end(manifest + header + database) + "x",
       "archive damaged: bytes after its end; nothing was changed"},
      {manifest + header + database + part(0, pattern(32)),
       "archive damaged: its hash; nothing was changed"},
      {with_end(part(1, "[]") + header + database),
       "archive damaged: manifest; nothing was changed"},
      {with_end(
           part(
               1,
               R"({"vaultId":"another","schema":1,"counter":7,"programVersion":"1","secrets":1})") +
           header + database),
       "archive damaged: it names two vaults; nothing was changed"},
  };
  for (const auto& [plain, wanted] : cases) EXPECT_EQ(wanted, read(write_parts(plain)));
}

TEST_F(Archive, PassesOnWhatASinkSays) {
  const auto full = [](std::string_view) -> Result<void> {
    return vault_unavailable("not_writable", "full");
  };
  EXPECT_FALSE(ArchiveWriter::begin(full, header_of_test(), key_));
}

}  // namespace
}  // namespace aivault::vault
