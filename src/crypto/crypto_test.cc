#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <numeric>
#include <string>

#include "base/encoding.h"
#include "base/reveal.h"
#include "crypto/canonical.h"
#include "crypto/hash.h"
#include "crypto/key_text.h"
#include "crypto/keys.h"
#include "crypto/seal.h"
#include "crypto/sha256.h"
#include "crypto/uuid.h"

namespace aivault::crypto {
namespace {

constexpr std::string_view kVaultId = "8f14e45f-ceea-467f-a8de-2f1c3b5d7e90";
constexpr std::string_view kSecretId = "3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21";

std::string counting(std::size_t size, int first) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(first + static_cast<int>(i));
  }
  return bytes;
}
Secret kek() { return Secret::copy_of(counting(32, 0)); }
std::string nonce_a() { return counting(24, 0x40); }
std::string nonce_b() { return counting(24, 0x60); }
std::string hex_of(std::string_view bytes) { return hex(bytes_of(bytes)); }

TEST(Keys, DeriveToTheCheckValues) {
  EXPECT_EQ(hex_of(key_id(kek())),
            "b3cfc715bcefe862184b48f3edf07dc69ecf3b0fe21388eb42ca4259f97f8567");
  const std::array<std::pair<Subkey, const char*>, 4> rows{{
      {Subkey::wrap, "3cff74a0cd43087c4092850ee2ed47d833a5becb1d1ea0cbfbca0e2f601d44e0"},
      {Subkey::row_mac, "b3afc4c30a5bb2d1d79f09edb7b949827dd509f14cad626a0ec6fa7f34bee08e"},
      {Subkey::set, "a3a0085ae8d2bd61782b5e6bd30266f2f349ecde7788fc27932c84e27f582b60"},
      {Subkey::state, "61dec49165afaf7b4c55a058a723bf5c8cb6cef5bcb69448057b0eaf39c87889"},
  }};
  for (const auto& [which, expected] : rows) {
    const auto key = derive(kek(), which);
    EXPECT_EQ(hex_of(key.text(Reveal{})), expected);
  }
}

TEST(Canonical, EncodesTheCheckRecord) {
  const auto encoded = Canonical("check").text(kVaultId).blob(key_id(kek())).bytes();
  EXPECT_EQ(hex_of(encoded),
            "61697661756c74000105636865636b0200022400000038663134653435662d636565612d34363766"
            "2d613864652d3266316333623564376539300120000000"
            "b3cfc715bcefe862184b48f3edf07dc69ecf3b0fe21388eb42ca4259f97f8567");
}

TEST(Canonical, CountsListsAsOneFieldAndKeepsNeighboursApart) {
  EXPECT_NE(Canonical("x").text("ab").text("c").bytes(),
            Canonical("x").text("a").text("bc").bytes());
  EXPECT_NE(Canonical("x").text("a").bytes(), Canonical("x").blob("a").bytes());
  EXPECT_NE(Canonical("x").absent().bytes(), Canonical("x").text("").bytes());
  const auto nested = Canonical("x").list(2).list(1).text("a").integer(-1).absent().bytes();
  EXPECT_EQ(hex_of(nested),
            "61697661756c74000101"
            "78"
            "0200"
            "0402000000"
            "0401000000"
            "020100000061"
            "03ffffffffffffffff"
            "00");
}

// A ciphertext is a function of key, nonce, plaintext and associated data: opening one with
// these inputs shows that it is the one that sealing with them gives.
TEST(Seal, OpensTheCheckValues) {
  const auto wrap = derive(kek(), Subkey::wrap);
  const Sealed check{nonce_a(),
                     *from_hex("5452f4f58bcf737ea1515899f8ebd004405f233794e3ed6c6dbc0ebd75a26888"
                               "3be2fc5a64e9ff7abf964604fc4d09bd")};
  EXPECT_EQ(open_known(wrap, check, Canonical("check").text(kVaultId).blob(key_id(kek())).bytes()),
            std::string(32, '\0'));

  const Sealed wrapped{nonce_a(),
                       *from_hex("7473d6d6afea5559897872b2d4c6fe2b706e1104a0d6db5b55853486499f56b7"
                                 "144dc107da940db7a6fb479fba321181")};
  const auto dek =
      open(wrap,
           wrapped,
           Canonical("dek").text(kVaultId).text(kSecretId).integer(1).blob(key_id(kek())).bytes());
  ASSERT_TRUE(dek);
  EXPECT_EQ(dek->text(Reveal{}), counting(32, 0x20));

  const Sealed value{nonce_b(), *from_hex("9b4c6d52e002ef14e633bdd86f3f397abad7fa8673f2b9")};
  const auto plain = open(*dek,
                          value,
                          Canonical("value")
                              .text(kVaultId)
                              .text(kSecretId)
                              .integer(1)
                              .integer(2)
                              .text("acme")
                              .text("dev")
                              .absent()
                              .integer(0)
                              .bytes());
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->text(Reveal{}), "sk-test");
}

TEST(Seal, RefusesEveryChangedByteAndOtherAssociatedData) {
  const auto key = random_key();
  const auto sealed = seal(key, Secret::copy_of("value"), "context");
  ASSERT_TRUE(open(key, sealed, "context"));
  EXPECT_FALSE(open(key, sealed, "other"));
  EXPECT_FALSE(open(random_key(), sealed, "context"));
  for (std::size_t i = 0; i < sealed.ciphertext.size(); ++i) {
    auto changed = sealed;
    changed.ciphertext[i] = static_cast<char>(changed.ciphertext[i] ^ 1);
    EXPECT_FALSE(open(key, changed, "context")) << i;
  }
  EXPECT_FALSE(open(key, {sealed.nonce, ""}, "context"));
  EXPECT_FALSE(open(key, {"short", sealed.ciphertext}, "context"));
  EXPECT_NE(seal(key, Secret::copy_of("value"), "context").nonce, sealed.nonce);
}

TEST(KeyText, AcceptsBase64AndHexOf32BytesOnly) {
  const auto bytes = counting(32, 0);
  const auto b64 = base64(bytes_of(bytes));
  struct Case {
    std::string text;
    bool valid;
  };
  const Case cases[] = {
      {b64, true},
      {" \t\r\n" + b64 + "\n", true},
      {hex(bytes_of(bytes)), true},
      {"", false},
      {b64.substr(1), false},
      {b64.substr(0, b64.size() - 1), false},  // No padding.
      {b64.substr(0, 20) + "\n" + b64.substr(20), false},
      {b64.substr(0, 42) + "9=", false},  // Unused bits set.
      {hex(bytes_of(bytes)).substr(2), false},
      {hex(bytes_of(bytes)) + "00", false},
      {base64(bytes_of(counting(31, 0))), false},
      {hex(bytes_of(std::string(32, '\0'))), false},  // 32 equal bytes.
      {base64(bytes_of(std::string(32, 'A'))), false},
  };
  for (const auto& c : cases) {
    const auto key = parse_key(Secret::copy_of(c.text));
    EXPECT_EQ(key.has_value(), c.valid) << c.text;
    if (key) EXPECT_EQ(key->text(Reveal{}), bytes);
  }
  EXPECT_EQ(key_text(Secret::copy_of(bytes)).text(Reveal{}), b64);
}

TEST(KeyText, ReadsAtMostTheLimit) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_TRUE(write_secret(ends[1], Secret::copy_of("0123456789")));
  ::close(ends[1]);
  const auto all = read_secret(ends[0], 10);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->text(Reveal{}), "0123456789");
  ::close(ends[0]);

  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_TRUE(write_secret(ends[1], Secret::copy_of("0123456789")));
  ::close(ends[1]);
  EXPECT_FALSE(read_secret(ends[0], 9));
  ::close(ends[0]);
}

TEST(Sha256, HashesTheStandardExample) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Uuid, IsVersionFourAndRecognised) {
  const auto id = random_uuid();
  EXPECT_TRUE(is_uuid(id)) << id;
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos);
  EXPECT_NE(id, random_uuid());
  EXPECT_FALSE(is_uuid("8F14E45F-ceea-467f-a8de-2f1c3b5d7e90"));
  EXPECT_FALSE(is_uuid("8f14e45fceea467fa8de2f1c3b5d7e90"));
  EXPECT_FALSE(is_uuid("../../../../../../../../../etc/passwd"));
}

}  // namespace
}  // namespace aivault::crypto
