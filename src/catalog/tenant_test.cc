#include "catalog/tenant.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/version.h"

namespace aivault::catalog {
namespace {

using registry::Param;
using registry::Provider;
using registry::Slot;

constexpr std::array<registry::TextView, 1> kTenantHosts = {"{sub}.desk.test"};
constexpr std::array<registry::TextView, 2> kChoice = {"api.desk.test", "eu.desk.test"};
constexpr std::array<registry::TextView, 1> kWildcard = {"*.any.test"};
constexpr std::array<registry::TextView, 2> kBoth = {"api.hub.test", "api.{sub}.own.test"};
constexpr std::array<Param, 1> kParams = {{{"sub", "Subdomain", "host-label", true, "acme"}}};
constexpr std::array<Param, 1> kOptional = {{{"sub", "Subdomain", "host-label", false, "acme"}}};

constexpr std::array<Slot, 2> kTenantSlots = {{{"api", kTenantHosts}, {"files", kChoice}}};
constexpr std::array<Slot, 1> kWildcardSlots = {{{"api", kWildcard}}};
constexpr std::array<Slot, 1> kBothSlots = {{{"api", kBoth}}};

Provider tenant_provider() {
  Provider provider;
  provider.slots = kTenantSlots;
  provider.params = kParams;
  return provider;
}

using Hosts = std::vector<std::string>;

TEST(Tenant, TakesTheFirstExactHostOfASlotAndNamesTheMissingParam) {
  const auto tenant = find_tenant(tenant_provider(), {}, {});
  EXPECT_EQ(tenant.hosts, Hosts({"api.desk.test"}));
  EXPECT_EQ(tenant.missing_params, Hosts({"sub"}));
  EXPECT_FALSE(tenant.needs_host);
}

TEST(Tenant, FillsAPatternFromAParam) {
  const auto tenant = find_tenant(tenant_provider(), {}, {{"sub", "acme"}});
  EXPECT_EQ(tenant.hosts, Hosts({"acme.desk.test", "api.desk.test"}));
  EXPECT_TRUE(tenant.missing_params.empty());
}

TEST(Tenant, FindsTheParamInABoundHostAndPutsBoundHostsFirst) {
  const Hosts bound = {"eu.desk.test", "acme.desk.test"};
  const auto tenant = find_tenant(tenant_provider(), bound, {});
  EXPECT_EQ(tenant.params, Params({{"sub", "acme"}}));
  EXPECT_EQ(tenant.hosts, Hosts({"acme.desk.test", "eu.desk.test"}));
  const Hosts one = {"acme.desk.test"};
  EXPECT_EQ(find_tenant(tenant_provider(), one, {}).hosts,
            Hosts({"acme.desk.test", "api.desk.test"}));
}

TEST(Tenant, IgnoresABoundHostOutsideThePatterns) {
  const Hosts bound = {"evil.test", "acme.desk.test.evil.test"};
  const auto tenant = find_tenant(tenant_provider(), bound, {});
  EXPECT_EQ(tenant.hosts, Hosts({"api.desk.test"}));
}

TEST(Tenant, NeedsAHostWhereThereAreOnlyWildcards) {
  Provider provider;
  provider.slots = kWildcardSlots;
  EXPECT_TRUE(find_tenant(provider, {}, {}).needs_host);
  const Hosts bound = {"shop.any.test"};
  EXPECT_EQ(find_tenant(provider, bound, {}).hosts, bound);
}

TEST(Tenant, PrefersATenantHostOverTheDefaultOnceItsParamIsBound) {
  Provider provider;
  provider.slots = kBothSlots;
  provider.params = kOptional;
  EXPECT_EQ(find_tenant(provider, {}, {}).hosts, Hosts({"api.hub.test"}));
  EXPECT_TRUE(find_tenant(provider, {}, {}).missing_params.empty());
  EXPECT_EQ(find_tenant(provider, {}, {{"sub", "acme"}}).hosts, Hosts({"api.acme.own.test"}));
}

// Case 72.
TEST(Tenant, JudgesHostsOfAProviderExactly) {
  struct Row {
    std::string_view host;
    bool fits;
  };
  constexpr std::array<Row, 8> kRows = {{{"acme.desk.test", true},
                                         {"ACME.desk.test.", true},
                                         {"api.desk.test", true},
                                         {"a.b.desk.test", false},
                                         {"desk.test", false},
                                         {"xdesk.test", false},
                                         {"acme.desk.test:8443", false},
                                         {"acme.desk.test.evil.io", false}}};
  for (const auto& [text, fits] : kRows) {
    const auto host = http::parse_authority(text);
    ASSERT_TRUE(host) << text;
    EXPECT_EQ(is_host_of(tenant_provider(), *host), fits) << text;
  }
}

TEST(Tenant, RefusesParamValuesThatCouldMakeAnotherHost) {
  for (const auto* value : {"", "a.evil", "a/b", "A", "a b", "{x}", "a:1", "a%2e"}) {
    EXPECT_FALSE(is_param_value(kParams.front(), value)) << value;
    EXPECT_TRUE(find_tenant(tenant_provider(), {}, {{"sub", value}}).params.empty()) << value;
  }
  EXPECT_TRUE(is_param_value(kParams.front(), "acme-2"));
}

TEST(Tenant, LeavesTextWithAnUnboundParamOut) {
  EXPECT_EQ(with_params("aivault/{version}", {}), "aivault/" + std::string(version()));
  EXPECT_EQ(with_params("{sub}", {}), std::nullopt);
  EXPECT_EQ(with_params("a-{sub}-b", {{"sub", "x"}}), "a-x-b");
}

TEST(Tenant, FillsInParamsBesideFields) {
  const Params params = {{"sub", "x"}};
  EXPECT_EQ(with_known_params("https://{{host}}/{sub}/{{sub}}/{other}", params),
            "https://{{host}}/x/{{sub}}/{other}");
  EXPECT_EQ(with_known_params("{sub}{sub}{", params), "xx{");
  EXPECT_EQ(with_known_params("}{{sub}", params), "}{{sub}");
  EXPECT_EQ(with_known_params("", params), "");
}

}  // namespace
}  // namespace aivault::catalog
