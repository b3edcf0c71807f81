#include "cli/render.h"

#include <gtest/gtest.h>

#include "json/parse.h"

namespace aivault::cli {
namespace {

json::Value value(std::string_view text) {
  auto parsed = json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *std::move(parsed) : json::Value();
}

const Style kPlain;

TEST(Render, ShowsTheStatusOfAVaultWithADaemon) {
  const auto status = value(R"({
    "audit":{"enabled":false,"mirrorPath":null},
    "daemon":{"pid":4711,"socket":"/v/run/aivaultd.sock","version":"1.4.0"},
    "paths":{"rootDir":"/v"},
    "problems":[{"id":"c","kind":"credential","message":"m"}],
    "status":{"enabled":true,"providerType":"file","locked":false,"kekId":"7c1e"}})");
  EXPECT_EQ(render_status(status, "/other", kPlain),
            "Vault\n"
            "  Status: unlocked\n"
            "  Provider: Key file\n"
            "  KEK identifier: 7c1e\n"
            "  Audit: off (AIVAULT_DISABLE_DISK_LOGS)\n"
            "  Problems: 1 (run aivault doctor)\n"
            "\n"
            "Paths\n"
            "  Root: /v\n"
            "\n"
            "Daemon\n"
            "  Socket: /v/run/aivaultd.sock\n"
            "  State: running (pid 4711, version 1.4.0)\n");
}

TEST(Render, ShowsThatTheVaultCannotBeWrittenAndThatTheMirrorFails) {
  const auto status = value(R"({
    "audit":{"enabled":true,"mirrorPath":"/full/m"},
    "daemon":null,"paths":{"rootDir":"/v"},
    "problems":[{"id":"mirror","kind":"audit","message":"audit mirror '/full/m': no space"}],
    "status":{"enabled":true,"providerType":"file","locked":false,"kekId":"7c1e",
              "writable":false}})");
  EXPECT_EQ(render_status(status, "/v/run/s", kPlain),
            "Vault\n"
            "  Status: unlocked\n"
            "  Provider: Key file\n"
            "  KEK identifier: 7c1e\n"
            "  Writable: no (disk full, read-only or failing: calls and changes are refused)\n"
            "  Audit mirror: failing (audit mirror '/full/m': no space)\n"
            "  Problems: 1 (run aivault doctor)\n"
            "\n"
            "Paths\n"
            "  Root: /v\n"
            "\n"
            "Daemon\n"
            "  Socket: /v/run/s\n"
            "  State: not running\n");
}

TEST(Render, ShowsTheStatusOfAVaultWithoutADaemon) {
  const auto status = value(R"({
    "audit":{"enabled":true},"daemon":null,"paths":{"rootDir":"/v"},"problems":[],
    "status":{"enabled":false,"providerType":null,"locked":true,"kekId":null}})");
  EXPECT_EQ(render_status(status, "/v/run/s", kPlain),
            "Vault\n  Status: not initialized\n\nPaths\n  Root: /v\n\n"
            "Daemon\n  Socket: /v/run/s\n  State: not running\n");
}

TEST(Render, ListsSecrets) {
  Listing listing("Secrets", kPlain);
  const auto secrets = value(R"([
      {"secretId":"1","name":"A","aliases":["x","y"],"scope":"global","revokedAtMs":null},
      {"secretId":"2","name":"B","aliases":[],"scope":{"group":{"workspace_id":"w","group_id":"g"}},
       "revokedAtMs":5}])");
  std::string text;
  for (const auto& secret : secrets.items()) {
    render_secret(secret, listing);
    text += listing.take();
  }
  EXPECT_EQ(text + listing.finish(2, "secret", "secrets"),
            "Secrets\n"
            "  A\n      ID: 1\n      Scope: global\n      Aliases: x, y\n"
            "\n"
            "  B\n      ID: 2\n      Scope: group:w:g\n      REVOKED\n"
            "\n2 secrets\nUse --verbose for the whole records as JSON.\n");
}

TEST(Render, ListsBindings) {
  EXPECT_EQ(render_bindings(value("[]"), kPlain), "No capability bindings found.\n");
  EXPECT_EQ(render_bindings(value(R"([
      {"capability":"acme/items","secretRef":"vault:secret:1","scope":{"type":"global"}},
      {"capability":"acme/items","secretRef":"vault:secret:2","consumer":"ci",
       "scope":{"type":"group","workspace_id":"w","group_id":"g"}}])"),
                            kPlain),
            "Capability bindings\n"
            "  acme/items -> vault:secret:1\n      Scope: global\n"
            "\n"
            "  acme/items -> vault:secret:2\n      Scope: group:w:g\n      Consumer: ci\n"
            "\n2 bindings\nUse --verbose for the whole records as JSON.\n");
}

TEST(Render, ListsCredentials) {
  EXPECT_EQ(render_credentials(value("[]"), kPlain), "No credentials found.\n");
  EXPECT_EQ(
      render_credentials(value(R"([{"id":"acme","provider":"p","workspaceId":"w","groupId":null,
      "auth":{"multi_header":[]},"hosts":["a","b"],"disabled":true}])"),
                         kPlain),
      "Credentials\n"
      "  acme\n      Provider: p\n      Auth: multi-header\n      Hosts: a, b\n"
      "      Scope: workspace:w\n      DISABLED\n"
      "\n1 credential\nUse --verbose for the whole records as JSON.\n");
  EXPECT_NE(render_credentials(value(R"([{"id":"a","auth":"basic"}])"), kPlain).find("Auth: basic"),
            std::string::npos);
}

TEST(Render, ListsCapabilitiesByWhatTheyNeed) {
  const auto list = value(R"({
    "capabilities":[{"id":"own/x","provider":"own"}],
    "disabledCapabilities":["d/e"],
    "registryCapabilities":[{"id":"b/2","provider":"b"},{"id":"b/1","provider":"b"},
                            {"id":"a/1","provider":"a"}]})");
  EXPECT_EQ(render_capabilities(list, {{"b", {"one", "two"}}}, kPlain),
            "Available (needs credential)\n"
            "  a\n      a/1\n"
            "\n"
            "  b\n      b/1\n      b/2\n      Setup: one && two\n"
            "\n"
            "Ready (credential configured)\n  own/x\n"
            "\n"
            "Disabled\n  d/e\n"
            "\n5 capabilities\nHow to call one: aivault capability describe <id>\n");
  EXPECT_EQ(render_capabilities(value(R"({"capabilities":[]})"), {}, kPlain),
            "No capabilities found.\n");
  EXPECT_EQ(render_capabilities(value(R"({
    "capabilities":[{"id":"own/x","provider":"own","class":"read"}],
    "registryCapabilities":[{"id":"a/1","provider":"a","class":"write","summary":"Send mail"}]})"),
                                {},
                                kPlain,
                                true),
            "Available (needs credential)\n"
            "  a\n      a/1  (write) Send mail\n"
            "\n"
            "Ready (credential configured)\n  own/x  (read)\n"
            "\n2 capabilities\nHow to call one: aivault capability describe <id>\n");
}

TEST(Render, ShowsAHintUnderEveryCheckThatIsNotFine) {
  EXPECT_EQ(render_doctor(value(R"({"ok":false,"checks":[
      {"id":"versions","status":"ok","detail":"same","hint":"unused"},
      {"id":"key-file-mode","status":"fail","detail":"mode 0644","hint":"chmod 600 /v/kek.key"},
      {"id":"clock","status":"warn","detail":"","hint":null}]})"),
                          kPlain),
            "ok   versions same\n"
            "fail key-file-mode mode 0644\n     chmod 600 /v/kek.key\n"
            "warn clock\n"
            "1 ok, 1 warn, 1 fail\n");
}

TEST(Render, SaysWhyAVaultIsLocked) {
  const auto status = value(R"({
    "audit":{"enabled":true},"daemon":null,"paths":null,
    "problems":[{"id":"x","kind":"credential","message":"m"},
                {"id":"vault.db","kind":"vault","message":"key file '/v/kek.key' is missing"}],
    "status":{"enabled":true,"providerType":"file","locked":true,"kekId":"7c1e"}})");
  EXPECT_EQ(render_status(status, "/s", kPlain),
            "Vault\n"
            "  Status: locked\n"
            "  Reason: key file '/v/kek.key' is missing\n"
            "  Provider: Key file\n"
            "  KEK identifier: 7c1e\n"
            "  Problems: 2 (run aivault doctor)\n"
            "\n"
            "Daemon\n"
            "  Socket: /s\n"
            "  State: not running\n");
}

TEST(Render, ShowsACallerItsOwnView) {
  const auto view = [](const std::string& access) {
    return render_access(
        value(R"({"daemon":{"pid":7,"socket":"/s","version":"1.4.0"},"access":)" + access + "}"),
        kPlain);
  };
  const std::string daemon =
      "Daemon\n  Socket: /s\n  State: running (pid 7, version 1.4.0)\n  Access: ";
  EXPECT_EQ(view(R"({"agent":null,"capabilities":["*"],"readOnly":false})"), daemon + "*\n");
  EXPECT_EQ(view(R"({"agent":"ci","capabilities":["a/*","b/c"],"readOnly":true})"),
            daemon + "a/*, b/c (agent ci, read-only)\n");
  EXPECT_EQ(view(R"({"agent":null,"capabilities":[],"readOnly":false})"), daemon + "none\n");
}

Style style_of(std::map<std::string, std::string> variables, bool is_terminal) {
  return Style::of(platform::Environment(std::move(variables)), is_terminal);
}

TEST(Style, ColoursTerminalsOnly) {
  const std::string red = "\x1b[1;31mx\x1b[0m";
  EXPECT_EQ(style_of({{"TERM", "xterm"}}, true).bad("x"), red);
  EXPECT_EQ(style_of({{"TERM", "xterm"}}, false).bad("x"), "x");
  EXPECT_EQ(style_of({{"TERM", "dumb"}}, true).bad("x"), "x");
  EXPECT_EQ(style_of({{"NO_COLOR", "1"}, {"CLICOLOR_FORCE", "1"}}, true).bad("x"), "x");
  EXPECT_EQ(style_of({{"NO_COLOR", ""}}, true).bad("x"), red);
  EXPECT_EQ(style_of({{"CLICOLOR_FORCE", "1"}}, false).bad("x"), red);
  EXPECT_EQ(style_of({{"CLICOLOR_FORCE", "0"}}, false).bad("x"), "x");
}

TEST(Style, MakesForeignTextHarmlessOnTerminalsOnly) {
  EXPECT_EQ(style_of({{"NO_COLOR", "1"}}, true).identifier("a\x1b[31m"), "a\\x1b[31m");
  EXPECT_EQ(style_of({}, false).identifier("a\x1b[31m"), "a\x1b[31m");
}

}  // namespace
}  // namespace aivault::cli
