#include "catalog/own_capability.h"

#include <gtest/gtest.h>

#include "json/write.h"

namespace aivault::catalog {
namespace {

OwnCapability::Definition items() {
  return {"acme/items", "acme", "API.acme.test.", {"get", "post", "GET"}, {"/v1/items"}};
}

TEST(OwnCapability, IsStoredInCanonicalForm) {
  const auto own = OwnCapability::create(items());
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_EQ((*own)->body(),
            R"({"hosts":["api.acme.test"],"methods":["GET","POST"],"pathPrefixes":["/v1/items"]})");
  EXPECT_EQ((*own)->capability().declared, registry::CallClass::write);
  EXPECT_EQ((*own)->capability().form, registry::PathForm::prefix);
}

TEST(OwnCapability, PrintsTheCapabilityShape) {
  const auto own = OwnCapability::create(items());
  ASSERT_TRUE(own);
  EXPECT_EQ(
      json::compact(to_json((*own)->capability())),
      R"({"id":"acme/items","provider":"acme","allow":{"hosts":["api.acme.test"],"methods":["GET","POST"],"pathPrefixes":["/v1/items"]}})");
}

TEST(OwnCapability, ReadsBackWhatItWrote) {
  const auto own = OwnCapability::create(items());
  ASSERT_TRUE(own);
  vault::CapabilityRow row;
  row.id = "acme/items";
  row.provider = "acme";
  row.body = (*own)->body();
  const auto again = OwnCapability::parse(row);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->body(), row.body);
}

TEST(OwnCapability, RefusesWhatCannotBeServed) {
  struct Row {
    const char* field;
    const char* value;
    const char* marker;
  };
  const std::vector<Row> rows = {
      {"method", "TRACE", "is not allowed"},
      {"method", "connect", "is not allowed"},
      {"method", "G T", "invalid method"},
      {"path", "v1", "invalid path prefix"},
      {"path", "/v1?x", "invalid path prefix"},
      {"path", "/v1//x", "invalid path prefix"},
      {"path", "/v1/%2e", "invalid path prefix"},
      {"path", "/v1/../x", ""},
      {"host", "*.acme.test", "core conformance requires allow.hosts length = 1"},
      {"host", "https://acme.test", "invalid host authority in capability or credential"},
      {"id", "acme/*", "must not contain *"},
      {"id", "acme items", "white space"},
  };
  for (const auto& [field, value, marker] : rows) {
    auto definition = items();
    const std::string_view name(field);
    if (name == "method") definition.methods = {value};
    if (name == "path") definition.paths = {value};
    if (name == "host") definition.host = value;
    if (name == "id") definition.id = value;
    const auto own = OwnCapability::create(definition);
    ASSERT_FALSE(own) << field << " " << value;
    EXPECT_NE(own.error().message.find(marker), std::string::npos) << own.error().message;
  }
}

TEST(OwnCapability, RefusesDamagedRecords) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {"{}", "hosts, methods, and pathPrefixes are required"},
      {R"({"hosts":["a.test"],"methods":[],"pathPrefixes":["/"]})",
       "hosts, methods, and pathPrefixes are required"},
      {R"({"hosts":["a.test","b.test"],"methods":["GET"],"pathPrefixes":["/"]})",
       "allow.hosts length = 1"},
      {R"({"hosts":"a.test","methods":["GET"],"pathPrefixes":["/"]})", "malformed 'hosts'"},
  };
  for (const auto& [body, marker] : rows) {
    vault::CapabilityRow row;
    row.id = "acme/items";
    row.provider = "acme";
    row.body = body;
    const auto own = OwnCapability::parse(row);
    ASSERT_FALSE(own) << body;
    EXPECT_NE(own.error().message.find(marker), std::string::npos) << own.error().message;
  }
}

TEST(OwnCapability, StaysOutOfWhatARegistryProviderForbids) {
  auto definition = items();
  definition.provider = "openai";
  const auto own = OwnCapability::create(definition);
  ASSERT_TRUE(own);
  EXPECT_FALSE((*own)->capability().never.empty());
}

}  // namespace
}  // namespace aivault::catalog
