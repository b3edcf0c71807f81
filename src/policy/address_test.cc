#include "policy/address.h"

#include <gtest/gtest.h>

#include <array>
#include <string_view>

namespace aivault::policy {
namespace {

using enum AddressPolicy;

bool blocked(std::string_view text, AddressPolicy policy) {
  const auto address = parse_ip(text);
  EXPECT_TRUE(address) << text;
  return address && is_blocked(*address, policy);
}

TEST(Address, BlocksFirstAndLastOfEverySpecialRangeAndNotTheirNeighbours) {
  struct Row {
    std::string_view before, first, last, after;
  };
  for (const auto& row : std::array<Row, 19>{{
           {"", "0.0.0.0", "0.255.255.255", "1.0.0.0"},
           {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
           {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
           {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
           {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
           {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
           {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
           {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
           {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
           {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
           {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
           {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
           {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
           {"223.255.255.255", "224.0.0.0", "255.255.255.255", ""},
           {"168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"},
           {"2000:ffff::", "2001::", "2001:0:ffff::1", "2001:1::"},
           {"2001:1:ffff::", "2001:2::", "2001:2:0:ffff::", "2001:2:1::"},
           {"2001:db7::", "2001:db8::", "2001:db8:ffff::", "2001:db9::"},
           {"2001:ffff::", "2002::", "2002:ffff::", "2003::"},
       }}) {
    EXPECT_TRUE(blocked(row.first, public_only)) << row.first;
    EXPECT_TRUE(blocked(row.last, public_only)) << row.last;
    if (!row.before.empty()) EXPECT_FALSE(blocked(row.before, public_only)) << row.before;
    if (!row.after.empty()) EXPECT_FALSE(blocked(row.after, public_only)) << row.after;
  }
}

TEST(Address, BlocksIpv6OutsideGlobalUnicastAndItsSpecialRanges) {
  for (const std::string_view text :
       {"::",         "::1",          "::127.0.0.1",   "1fff:ffff::", "4000::",
        "100::1",     "64:ff9b:1::1", "fc00::1",       "fd00::1",     "fdff::1",
        "fe80::1",    "fec0::1",      "ff02::1",       "2001:10::1",  "2001:1f::1",
        "2001:20::1", "2001:2f::1",   "2002:7f00:1::", "3fff::1",     "3fff:fff::1"}) {
    EXPECT_TRUE(blocked(text, public_only)) << text;
  }
  for (const std::string_view text :
       {"2000::1", "2606:4700::1", "2001:30::1", "2001:4860:4860::8888", "3fff:1000::1"}) {
    EXPECT_FALSE(blocked(text, public_only)) << text;
  }
}

// Case 115.
TEST(Address, JudgesMappedAndTranslatedAddressesByTheirIpv4Part) {
  for (const std::string_view text : {"::ffff:127.0.0.1",
                                      "::ffff:10.0.0.1",
                                      "::ffff:169.254.169.254",
                                      "64:ff9b::7f00:1",
                                      "64:ff9b::10.0.0.1"}) {
    EXPECT_TRUE(blocked(text, public_only)) << text;
  }
  EXPECT_FALSE(blocked("::ffff:8.8.8.8", public_only));
  EXPECT_FALSE(blocked("64:ff9b::8.8.8.8", public_only));
  EXPECT_FALSE(blocked("::ffff:10.0.0.5", allow_private));
  EXPECT_TRUE(blocked("::ffff:169.254.169.254", allow_private));
  EXPECT_TRUE(blocked("64:ff9b::100.100.100.200", allow_private));
}

TEST(Address, PrivateNetworkPermissionLiftsPrivateRangesOnly) {
  for (const std::string_view text : {"127.0.0.1",
                                      "10.0.0.5",
                                      "100.64.0.1",
                                      "100.100.100.199",
                                      "172.16.0.1",
                                      "192.168.1.1",
                                      "::1",
                                      "fc00::1",
                                      "fd00:ec2::253",
                                      "8.8.8.8"}) {
    EXPECT_FALSE(blocked(text, allow_private)) << text;
  }
  for (const std::string_view text : {"169.254.169.254",
                                      "100.100.100.200",
                                      "168.63.129.16",
                                      "fd00:ec2::254",
                                      "fe80::1",
                                      "0.0.0.0",
                                      "::",
                                      "224.0.0.1",
                                      "ff02::1",
                                      "240.0.0.1",
                                      "255.255.255.255",
                                      "192.0.2.1",
                                      "198.18.0.1",
                                      "2001:db8::1",
                                      "2002:a00:1::"}) {
    EXPECT_TRUE(blocked(text, allow_private)) << text;
  }
}

TEST(Address, ParsesOnlyCanonicalAddresses) {
  for (const std::string_view text : {"",
                                      "127.1",
                                      "0177.0.0.1",
                                      "127.0.0.01",
                                      "0x7f.0.0.1",
                                      "2130706433",
                                      "1.2.3.4 ",
                                      "1.2.3.256",
                                      "[::1]",
                                      "fe80::1%eth0",
                                      ":::1",
                                      "example.com"}) {
    EXPECT_FALSE(parse_ip(text)) << text;
  }
  EXPECT_FALSE(parse_ip(std::string_view("1.2.3.4\0", 8)));
}

std::string_view verdict(std::string_view raw, AddressPolicy policy) {
  const auto authority = http::parse_authority(raw);
  if (!authority) return "no authority";
  const auto checked = check_literal(*authority, policy);
  if (checked) return "ok";
  EXPECT_EQ(checked.error().code, ErrorCode::policy_violation);
  EXPECT_EQ(checked.error().reason, "ssrf_blocked");
  EXPECT_EQ(checked.error().message, "upstream host blocked by SSRF guard");
  return "blocked";
}

// Cases 113, 115.
TEST(Address, LiteralGuardBlocksNamesBeforeAnyLookup) {
  struct Row {
    std::string_view host, plain, lifted;
  };
  for (const auto& row : std::array<Row, 40>{{
           {"api.openai.com", "ok", "ok"},
           {"8.8.8.8", "ok", "ok"},
           {"[2606:4700::1]", "ok", "ok"},
           {"localhost", "blocked", "ok"},
           {"localhost.", "blocked", "ok"},
           {"a.localhost", "blocked", "ok"},
           {"localhost.localdomain", "blocked", "ok"},
           {"x.localdomain", "blocked", "ok"},
           {"db.internal", "blocked", "ok"},
           {"printer.local", "blocked", "ok"},
           {"nas.lan", "blocked", "ok"},
           {"nas.home.arpa", "blocked", "ok"},
           {"intranet", "blocked", "ok"},
           {"mylocal.com", "ok", "ok"},
           {"notlocalhost.com", "ok", "ok"},
           {"metadata", "blocked", "blocked"},
           {"instance-data", "blocked", "blocked"},
           {"metadata.google.internal", "blocked", "blocked"},
           {"METADATA.google.internal.", "blocked", "blocked"},
           {"metadata.goog", "blocked", "blocked"},
           {"127.0.0.1", "blocked", "ok"},
           {"10.0.0.1", "blocked", "ok"},
           {"192.168.1.1", "blocked", "ok"},
           {"172.16.0.1", "blocked", "ok"},
           {"100.64.0.1", "blocked", "ok"},
           {"169.254.169.254", "blocked", "blocked"},
           {"100.100.100.200", "blocked", "blocked"},
           {"168.63.129.16", "blocked", "blocked"},
           {"0.0.0.0", "blocked", "blocked"},
           {"[::1]", "blocked", "ok"},
           {"[fd00::1]", "blocked", "ok"},
           {"[fd00:ec2::254]", "blocked", "blocked"},
           {"[fe80::1]", "blocked", "blocked"},
           {"[::ffff:127.0.0.1]", "blocked", "ok"},
           {"[64:ff9b::7f00:1]", "blocked", "ok"},
           {"[2002:7f00:1::]", "blocked", "blocked"},
           {"a.0x7f", "blocked", "blocked"},
           {"example.123", "blocked", "blocked"},
           {"1.2.3.4.5", "blocked", "blocked"},
           {"0x7f000001", "blocked", "blocked"},
       }}) {
    EXPECT_EQ(verdict(row.host, public_only), row.plain) << row.host;
    EXPECT_EQ(verdict(row.host, allow_private), row.lifted) << row.host;
  }
}

// Case 114.
TEST(Address, LiteralGuardBlocksNumbersThatResolversRead) {
  for (const std::string_view host : {"127.1", "0x7f.1", "2130706433", "0177.0.0.1", "1.0x7f"}) {
    for (const auto policy : {public_only, allow_private}) {
      EXPECT_NE(verdict(host, policy), "ok") << host;
    }
  }
}

}  // namespace
}  // namespace aivault::policy
