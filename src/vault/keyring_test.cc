#include "vault/keyring.h"

#include <gtest/gtest.h>

#include "audit/chain.h"
#include "base/encoding.h"
#include "base/reveal.h"

namespace aivault::vault {
namespace {

constexpr const char* kVaultId = "8f14e45f-ceea-467f-a8de-2f1c3b5d7e90";
constexpr const char* kSecretId = "3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21";
constexpr std::int64_t kTime = 1'700'000'000'000;

std::string counting(std::size_t size, int first) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(first + static_cast<int>(i));
  }
  return bytes;
}
MasterKeys master() { return {kVaultId, Secret::copy_of(counting(32, 0))}; }
std::string hex_of(std::string_view bytes) { return hex(bytes_of(bytes)); }

StoredSecret demo() {
  StoredSecret secret;
  auto& record = secret.record;
  record.id = SecretId(kSecretId);
  record.name = "DEMO_KEY";
  record.aliases = {"DEMO"};
  record.scope = {Scope::Kind::group, "acme", "dev"};
  record.created_at = record.updated_at = record.value_changed_at = from_int(kTime);
  record.attached = {{"acme", "ops"}};
  secret.dek =
      crypto::Sealed{counting(24, 0x40),
                     *from_hex("7473d6d6afea5559897872b2d4c6fe2b706e1104a0d6db5b55853486499f56b7"
                               "144dc107da940db7a6fb479fba321181")};
  return secret;
}

TEST(Keyring, AuthenticatesTheCheckValues) {
  const auto secret = demo();
  const auto mac = master().row_mac(store::Table::secrets, 7, to_row(secret), &secret.record);
  EXPECT_EQ(hex_of(crypto::view(mac)),
            "2eb6bca57d335ad1d65aac972fc8921e6797973c13b9249afa09da46534a7d08");
  const auto element =
      master().set_element(store::Table::secrets, kSecretId, {7, std::string(crypto::view(mac))});
  EXPECT_EQ(hex_of(crypto::view(element)),
            "03abd6f62a97b0ab5c78cc1f378aed7f91a823bb05abe2a7ce336b64462421da");

  audit::Row row;
  row.seq = 1;
  row.ts_ms = kTime;
  row.kind = "vault.init";
  row.epoch = 1;
  row.rev = 1;
  row.objects = R"(["*"])";
  row.body = R"({"actor":"operator"})";
  const auto head =
      audit::chain_hash(Secret::copy_of(std::string(32, '\xAA')), crypto::Hash{}, kVaultId, row);
  EXPECT_EQ(hex_of(crypto::view(head)),
            "84b555f8d8fbc5f1701cf473cb25285821d0e4d40942f96b0df65e5b9d42d02c");

  store::StateRow state;
  state.counter = 7;
  state.objects = 1;
  state.audit_seq = 1;
  state.last_ts_ms = kTime;
  state.audit_head = crypto::view(head);
  state.digest_nonce = counting(24, 0x40);
  state.digest_ct = *from_hex(
      "ff496604df40a43020a667778760cc93eb9ca2b563d5c4c347f392abd59aa8d1"
      "28cb81db9de9516ce53abc81255c0b63");
  Digest digest;
  digest.add(element);
  const auto opened = master().open_digest(state);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(*opened == digest);
}

TEST(Keyring, OpensTheCheckValueOfASecret) {
  const crypto::Sealed value{counting(24, 0x60),
                             *from_hex("9b4c6d52e002ef14e633bdd86f3f397abad7fa8673f2b9")};
  const auto opened = master().open_value(demo(), value);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->text(Reveal{}), "sk-test");
  EXPECT_TRUE(
      master().fits({counting(24, 0x40),
                     *from_hex("5452f4f58bcf737ea1515899f8ebd004405f233794e3ed6c6dbc0ebd75a26888"
                               "3be2fc5a64e9ff7abf964604fc4d09bd")}));
}

// What a value was sealed for cannot be changed afterwards.
TEST(Keyring, OpensAValueOnlyForWhatItWasSealedFor) {
  const auto keys = master();
  auto secret = demo();
  const auto value = keys.seal_value(secret, Secret::copy_of("sk-test"));
  ASSERT_TRUE(keys.open_value(secret, value));
  const std::pair<const char*, void (*)(SecretRecord&)> changes[] = {
      {"id", [](SecretRecord& r) { r.id = SecretId("3c59dc04-8e88-4502-8e2f-9d1f0a6b7c22"); }},
      {"version", [](SecretRecord& r) { ++r.value_version; }},
      {"scope", [](SecretRecord& r) { r.scope.kind = Scope::Kind::workspace; }},
      {"workspace", [](SecretRecord& r) { r.scope.workspace = "other"; }},
      {"group", [](SecretRecord& r) { r.scope.group = "other"; }},
      {"pin", [](SecretRecord& r) { r.pinned_provider = "openai"; }},
      {"management", [](SecretRecord& r) { r.system_managed = true; }},
  };
  for (const auto& [what, apply] : changes) {
    auto changed = secret;
    apply(changed.record);
    EXPECT_FALSE(keys.open_value(changed, value)) << what;
  }
  const MasterKeys other_vault("00000000-0000-4000-8000-000000000000",
                               Secret::copy_of(counting(32, 0)));
  EXPECT_FALSE(other_vault.open_value(secret, value));
  const MasterKeys other_key(kVaultId, Secret::copy_of(counting(32, 1)));
  EXPECT_FALSE(other_key.open_value(secret, value));
}

TEST(Digest, AddsAndSubtractsModulo2To256) {
  const auto element = [](char byte) {
    crypto::Hash hash;
    hash.fill(byte);
    return hash;
  };
  Digest digest;
  digest.add(element('\xFF'));
  digest.add(element('\x01'));  // Carries through every byte.
  EXPECT_EQ(hex_of(digest.bytes()),
            "00010101010101010101010101010101"
            "01010101010101010101010101010101");
  digest.subtract(element('\x01'));
  digest.subtract(element('\xFF'));
  EXPECT_TRUE(digest == Digest());
  digest.subtract(element('\x01'));
  digest.add(element('\x01'));
  EXPECT_TRUE(digest == Digest());
}

}  // namespace
}  // namespace aivault::vault
