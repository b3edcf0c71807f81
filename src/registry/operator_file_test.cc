// Provider files that operators bring.
#include "registry/operator_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "registry/file_texts.h"
#include "registry/good_file_fixture.h"
#include "registry/header_names.h"
#include "registry/registry.h"

namespace aivault::registry {
namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  EXPECT_NE(text.find(from), std::string::npos) << from;
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// The good file as an operator's: its ids begin with x-.
std::string good(const std::string& id = "x-acme") {
  auto text = replaced(std::string(kGood), "\"acme\"", '"' + id + '"');
  return replaced(std::move(text), "\"acme/", '"' + id + "/");
}

Registry with(const std::string& text) {
  auto judged = judge_file(text, Registry());
  EXPECT_TRUE(judged.provider);
  return Registry({judged.provider});
}

// "LINE: CODE: text" of each error.
std::vector<std::string> errors_of(std::string_view text, const Registry& beside = {}) {
  std::vector<std::string> lines;
  const auto judged = judge_file(text, beside);
  for (const auto& problem : judged.problems.all()) {
    if (problem.severity != Severity::error) continue;
    lines.push_back(std::to_string(problem.at.line) + ": " + problem.code + ": " + problem.text);
  }
  return lines;
}

TEST(OperatorFile, IsServedWithEverythingThatItSays) {
  const auto judged = judge_file(good(), Registry());
  ASSERT_TRUE(judged.provider) << errors_of(good()).front();
  const Registry known({judged.provider});
  const auto* provider = known.find_provider("x-acme");
  ASSERT_NE(provider, nullptr);
  EXPECT_EQ(provider->name, "Acme");
  EXPECT_EQ(provider->kinds.size(), 3U);
  EXPECT_EQ(provider->kinds[1].word, "basic");
  EXPECT_EQ(provider->headers.size(), 2U);
  EXPECT_EQ(provider->params.size(), 1U);
  EXPECT_EQ(provider->sdk.front().base_url, "ACME_BASE_URL");
  const auto* tickets = known.find_capability("x-acme/tickets");
  ASSERT_NE(tickets, nullptr);
  EXPECT_EQ(known.find_capability("x-acme/issues"), tickets);
  EXPECT_EQ(known.find_retired("x-acme/faxes")->release, "0.2.0");
  EXPECT_TRUE(allows(*tickets, "GET", "/v1/tickets/7"));
  EXPECT_FALSE(allows(*tickets, "PUT", "/v1/tickets/7"));
  EXPECT_TRUE(is_excluded(*tickets, "/v1/tokens"));
  EXPECT_EQ(class_of(*tickets, "POST", "/v1/tickets/search"), CallClass::read);
  const auto* claim = known.claim_of("ACME_USER");
  ASSERT_NE(claim, nullptr);
  EXPECT_EQ(claim->pin, "x-acme");
  EXPECT_EQ(claim->providers.front(), provider);
}

TEST(OperatorFile, StandsBesideTheCompiledInProvidersAndNeverInFrontOfThem) {
  const auto known = with(good());
  const auto all = known.providers();
  EXPECT_EQ(all.size(), providers().size() + 1);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &Provider::id));
  for (const auto& provider : providers()) {
    EXPECT_EQ(known.find_provider(provider.id), &provider);
    for (const auto& capability : provider.capabilities) {
      EXPECT_EQ(known.find_capability(capability.id), &capability);
    }
    for (const auto& kind : provider.kinds) {
      for (const auto& secret : kind.secrets) {
        EXPECT_EQ(known.claim_of(secret.name), claim_of(secret.name));
      }
    }
  }
  for (const auto* nobody : {"x-", "x-acm", "x-acme/", "x-acme/nothing", "x-other/tickets", ""}) {
    EXPECT_EQ(known.find_capability(nobody), nullptr) << nobody;
    EXPECT_EQ(known.find_provider(std::string_view(nobody)), nullptr) << nobody;
  }
  EXPECT_EQ(Registry().find_provider("x-acme"), nullptr);
}

struct Fault {
  std::string_view from, to, error;
};

TEST(OperatorFile, IsRefusedWithTheLineAndWhatIsWrong) {
  constexpr Fault kFaults[] = {
      {"\"ACME_KEY\"",
       "\"OPENAI_API_KEY\"",
       "12: SET-1: duplicate vault secret name 'OPENAI_API_KEY': 'openai' claims it"},
      {"\"ACME_KEY\"", "\"__ACME_KEY\"", "12: AUTH-3: invalid secret name '__ACME_KEY'"},
      {"\"x-acme/notes\"",
       "\"openai/notes\"",
       "34: CAP-1: invalid capability id 'openai/notes': x-acme/<name>, in lower case with '-' "
       "between words"},
      {"\"x-acme/issues\"",
       "\"openai/models\"",
       "43: CAP-1: invalid capability id 'openai/models': x-acme/<name>, in lower case with '-' "
       "between words"},
      {"\"x-acme/faxes\"",
       "\"openai/faxes\"",
       "44: CAP-1: invalid capability id 'openai/faxes': x-acme/<name>, in lower case with '-' "
       "between words"},
      {"\"acme-account\"",
       "\"chroma-account\", \"xi-api-key\"",
       "21: HEAD-1: callers may not send the header 'xi-api-key'"},
      {"\"wide\": true,",
       "\"wide\": true, \"adapter\": \"plaid\",",
       "25: FILE-2: unknown key "
       "'adapter' in a capability"},
      {"\"files.acme.example\"]",
       "\"127.0.0.1:8443\"]",
       "9: HOST-1: host '127.0.0.1:8443': must not be an IP address"},
      {"\"files.acme.example\"]",
       "\"files.acme.example:0\"]",
       "9: HOST-1: host 'files.acme.example:0': must not name a port"},
      {"\"files.acme.example\"]",
       "\"files.acme.example:66000\"]",
       "9: HOST-1: host 'files.acme.example:66000': must not name a port"},
  };
  for (const auto& [from, to, error] : kFaults) {
    const auto found = errors_of(replaced(good(), from, to));
    EXPECT_NE(std::ranges::find(found, error), found.end())
        << error << "\nfound " << (found.empty() ? "nothing" : found.front());
  }
}

TEST(OperatorFile, MayNameAnyHostWithAPort) {
  const auto text = replaced(replaced(good(), "{sub}.acme.example", "{sub}.acme.example:8443"),
                             "\"files\": [\"files.acme.example\"]",
                             "\"files\": [\"api.openai.com\"]");
  EXPECT_EQ(errors_of(text), std::vector<std::string>());
}

TEST(OperatorFile, LetsCallersSendNoHeaderThatAProviderInjects) {
  const auto headers = injected_headers();
  const auto found = std::ranges::find_if(headers, [](std::string_view name) {
    return !is_credential_header(name) && !is_broker_header(name) && name > "acme-account";
  });
  ASSERT_NE(found, headers.end());
  const std::string name(*found);
  const auto text = replaced(good(), "\"acme-site\"]", "\"" + name + "\"]");
  const auto errors = errors_of(text);
  EXPECT_NE(std::ranges::find(
                errors, "21: SET-4: callers may not send '" + name + "': a provider injects it"),
            errors.end());
}

TEST(OperatorFile, ClaimsNothingOfAnotherOne) {
  const auto known = with(good());
  EXPECT_EQ(errors_of(good("x-other"), known).front(),
            "12: SET-1: duplicate vault secret name 'ACME_KEY': 'x-acme' claims it");
  EXPECT_EQ(errors_of(good(), known), std::vector<std::string>());  // Its own place.
}

// `count` capabilities with `patterns` paths each.
std::string large(std::size_t count, std::size_t patterns, const std::string& beginning = "/p") {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = std::to_string(1000 + i);
    std::string paths;
    for (std::size_t j = 0; j < patterns; ++j) {
      paths += (j == 0 ? "\"" : ",\"") + beginning + number + "/" + std::to_string(100 + j) + "\"";
    }
    list += (i == 0 ? "" : ",");
    list += R"({"id":"x-big/c)" + number +
            R"(","summary":"S","class":"read","host":"a","allow":[{)" +
            R"("methods":["GET"],"paths":[)" + paths + R"(]}],"example":{"method":"GET","path":")" +
            beginning + number + R"(/100"}})";
  }
  return R"({"schema":1,"provider":"x-big","name":"B","category":"c","docs":"https://a.example/",)"
         R"("reviewed":"2026-11-20","hosts":{"a":["a.example"]},"auth":[{"name":"key","base":true,)"
         R"("priority":1,"secrets":{"BIG_KEY":"secret"},"config":{"header":{"header_name":)"
         R"("x-big","value_template":"{{secret}}"}}}],"capabilities":[)" +
         list + R"(],"setup":{"url":"https://a.example/","steps":["S."]}})";
}

TEST(OperatorFile, HasLimits) {
  EXPECT_EQ(errors_of(large(200, 2)), std::vector<std::string>());
  EXPECT_EQ(errors_of(large(201, 1)).front(), "1: FILE-3: a file has at most 200 capabilities");
  EXPECT_EQ(errors_of(large(2, 64)), std::vector<std::string>());
  EXPECT_EQ(errors_of(large(1, 65)).front(), "1: FILE-3: a capability has at most 64 patterns");
  EXPECT_EQ(errors_of(large(1, 1, "/" + std::string(512, 'p'))).front(),
            "1: FILE-6: 'paths' is longer than 512 bytes");
  EXPECT_EQ(errors_of(large(200, 64)), std::vector<std::string>());  // The most that there can be.
  EXPECT_EQ(errors_of(std::string(300'000, ' ')).front().substr(0, 10), "1: FILE-1:");
}

TEST(OperatorFile, ThatIsNoneIsSaidToBeNone) {
  for (const auto* text : {"", "[]", "{", "null", "{}", "{\"provider\":7}", "\xff"}) {
    const auto judged = judge_file(text, Registry());
    EXPECT_FALSE(judged.provider) << text;
    EXPECT_TRUE(judged.problems.has_errors()) << text;
  }
}

TEST(OperatorFile, KnowsFilesThatAreNotInForce) {
  const Registry known({}, {"x-acme"});
  EXPECT_TRUE(known.is_refused("x-acme"));
  EXPECT_FALSE(known.is_refused("openai"));
}

// The files that are compiled in pass where operators check theirs, and say the same there.
TEST(FileTexts, AreThoseOfTheCompiledInProviders) {
  for (const auto& provider : providers()) {
    const auto text = text_of_provider(provider.id);
    ASSERT_TRUE(text) << provider.id.view();
    const auto judged = judge_file(*text, Registry());
    ASSERT_TRUE(judged.provider) << provider.id.view() << ' ' << judged.problems.lines().front();
    const auto& same = judged.provider->definition();
    EXPECT_EQ(same.id, provider.id);
    ASSERT_EQ(same.capabilities.size(), provider.capabilities.size());
    for (std::size_t i = 0; i < same.capabilities.size(); ++i) {
      EXPECT_EQ(same.capabilities[i].id, provider.capabilities[i].id);
      EXPECT_EQ(patterns_of(same.capabilities[i]), patterns_of(provider.capabilities[i]));
      EXPECT_EQ(same.capabilities[i].declared, provider.capabilities[i].declared);
    }
    ASSERT_EQ(same.kinds.size(), provider.kinds.size());
    for (std::size_t i = 0; i < same.kinds.size(); ++i) {
      EXPECT_EQ(same.kinds[i].config, provider.kinds[i].config);
    }
  }
  EXPECT_FALSE(text_of_provider("nobody"));
}

TEST(Registry, FindsWhoListsAHost) {
  ASSERT_NE(provider_of_host("api.openai.com"), nullptr);
  EXPECT_EQ(provider_of_host("api.openai.com")->id, "openai");
  EXPECT_EQ(provider_of_host("openai.com"), nullptr);
  EXPECT_EQ(provider_of_host(""), nullptr);
  for (const auto& provider : providers()) {
    for (const auto& slot : provider.slots) {
      for (const std::string_view host : slot.hosts) {
        if (host.find_first_of("{*") != std::string_view::npos) continue;
        ASSERT_NE(provider_of_host(host), nullptr) << host;
      }
    }
  }
}

}  // namespace
}  // namespace aivault::registry
