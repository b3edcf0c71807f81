// The providers that this program was compiled with.
#include "registry/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "http/target.h"
#include "registry/pattern.h"

namespace aivault::registry {
namespace {

template <typename Action>
void for_each_capability(Action action) {
  for (const auto& provider : providers()) {
    for (const auto& capability : provider.capabilities) action(provider, capability);
  }
}

TEST(Registry, FindsEveryProviderAndCapabilityByItsId) {
  EXPECT_TRUE(std::ranges::is_sorted(providers(), {}, &Provider::id));
  for (const auto& provider : providers()) {
    EXPECT_EQ(find_provider(provider.id), &provider);
    EXPECT_TRUE(std::ranges::is_sorted(provider.capabilities, {}, &Capability::id))
        << provider.id.view();
  }
  for_each_capability([](const Provider& provider, const Capability& capability) {
    EXPECT_EQ(find_capability(capability.id), &capability);
    EXPECT_EQ(capability.provider, provider.id);
    EXPECT_FALSE(capability.hosts.empty()) << capability.id.view();
  });
  EXPECT_EQ(find_provider("nobody"), nullptr);
  EXPECT_EQ(find_provider(""), nullptr);
  EXPECT_EQ(find_capability("openai/nothing"), nullptr);
  EXPECT_EQ(find_capability("openai"), nullptr);
}

TEST(Registry, HoldsTheFirstProviders) {
  for (const auto* id : {"anthropic",
                         "discord",
                         "gemini",
                         "github",
                         "linear",
                         "notion",
                         "openai",
                         "openrouter",
                         "resend",
                         "sendgrid",
                         "slack",
                         "stripe",
                         "telegram",
                         "twilio"}) {
    EXPECT_NE(find_provider(id), nullptr) << id;
  }
}

TEST(Registry, KnowsWhatBecameOfRetiredIds) {
  const auto* retired = find_retired("openai/assistants");
  ASSERT_NE(retired, nullptr);
  EXPECT_EQ(retired->reason, "the vendor closed it on 26 August 2026");
  ASSERT_EQ(retired->successors.size(), 2U);
  EXPECT_EQ(retired->successors[0], "openai/responses");
  EXPECT_EQ(
      to_sentence(*retired),
      "capability 'openai/assistants' is retired: the vendor closed it on 26 August 2026; use "
      "'openai/responses', 'openai/conversations'");
  EXPECT_EQ(find_capability("openai/assistants"), nullptr);
  EXPECT_EQ(find_retired("openai/responses"), nullptr);
}

TEST(Registry, KnowsWhoClaimsASecretName) {
  for (const auto& provider : providers()) {
    for (const auto& kind : provider.kinds) {
      for (const auto& secret : kind.secrets) {
        const auto* claim = claim_of(secret.name);
        ASSERT_NE(claim, nullptr) << secret.name.view();
        EXPECT_EQ(claim->secret, secret.name);
        EXPECT_NE(std::ranges::find(claim->providers, &provider, &Ref<Provider>::get),
                  claim->providers.end());
        EXPECT_TRUE(accepts_pin(provider.id, claim->pin)) << claim->pin.view();
      }
    }
  }
  EXPECT_EQ(claim_of("OPENAI_API_KEY")->pin, "openai");
  EXPECT_EQ(claim_of("OPENAI_API_KEY")->providers.size(), 1U);
  EXPECT_EQ(claim_of("MY_OWN_KEY"), nullptr);
  EXPECT_EQ(claim_of("openai_api_key"), nullptr);
}

TEST(Registry, PinsTheSecretOfAFamilyToTheFamily) {
  const auto* claim = claim_of("GOOGLE_API_KEY");
  ASSERT_NE(claim, nullptr);
  EXPECT_EQ(claim->pin, "family:google");
  std::vector<std::string_view> users;
  for (const Provider* provider : claim->providers) users.push_back(provider->id);
  EXPECT_EQ(users, (std::vector<std::string_view>{"gemini", "google-places"}));
  EXPECT_EQ(claim_of("GEMINI_API_KEY")->pin, "gemini");
}

TEST(Registry, AcceptsAPinOfTheProviderAndOfItsFamilyAlone) {
  struct Row {
    const char *provider, *pin;
    bool accepted;
  };
  const Row rows[] = {
      {"gemini", "gemini", true},
      {"gemini", "family:google", true},
      {"google-places", "family:google", true},
      {"openai", "family:google", false},
      {"google-places", "gemini", false},
      {"google", "family:google", false},
      {"gemini", "google", false},
      {"gemini", "family:", false},
      {"gemini", "family:gemini", false},
      {"gemini", "family:google2", false},
      {"family:google", "family:google", false},
      {"gemini", "", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(accepts_pin(row.provider, row.pin), row.accepted) << row.provider << " " << row.pin;
  }
}

TEST(Registry, ListsEveryInjectedHeader) {
  const auto listed = injected_headers();
  EXPECT_TRUE(std::ranges::is_sorted(listed));
  for (const auto* name : {"authorization", "x-api-key", "x-goog-api-key"}) {
    EXPECT_TRUE(std::ranges::binary_search(listed, std::string_view(name))) << name;
  }
  for (const auto& provider : providers()) {
    for (const auto& name : provider.request_headers) {
      EXPECT_FALSE(std::ranges::binary_search(listed, name))
          << provider.id.view() << " " << name.view();
    }
  }
}

TEST(Registry, HasADigest) {
  EXPECT_EQ(digest().size(), 64U);
  EXPECT_EQ(digest().find_first_not_of("0123456789abcdef"), std::string_view::npos);
}

TEST(Registry, EveryExampleIsAllowedAndStaysWithinItsClass) {
  for_each_capability([](const Provider&, const Capability& capability) {
    const auto& example = capability.example;
    const auto target = http::parse_target(example.path);
    ASSERT_TRUE(target.has_value()) << capability.id.view();
    EXPECT_EQ(target->path(), example.path);
    EXPECT_TRUE(allows(capability, example.method, example.path)) << capability.id.view();
    EXPECT_FALSE(is_excluded(capability, example.path)) << capability.id.view();
    EXPECT_LE(class_of(capability, example.method, example.path, example.query),
              capability.declared)
        << capability.id.view();
  });
}

// A path that fits the pattern.
std::string sample_of(std::string_view pattern) {
  std::string path;
  while (!pattern.empty()) {
    const char c = pattern.front();
    if (c == '{') {
      path += "77";  // Without letters: the case of what a placeholder takes is free.
      pattern.remove_prefix(pattern.find('}'));
    } else if (c != '$' && (c != '*' || path.ends_with('/'))) {  // A lone star is a literal.
      path += c;
    }
    pattern.remove_prefix(1);
  }
  return path;
}

std::string with_other_case(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - 'a' + 'A');
      return text;
    }
  }
  return text;
}

TEST(Registry, NeighboursOfEveryPatternDoNotMatch) {
  for_each_capability([](const Provider&, const Capability& capability) {
    for (const auto pattern : patterns_of(capability)) {
      if (pattern == "/") continue;
      const auto path = sample_of(pattern);
      EXPECT_TRUE(matches_exactly(pattern, path)) << pattern << " " << path;
      const bool open_ended = pattern.ends_with('*') || pattern.ends_with("*$");
      const bool any_ending = pattern.ends_with('}') || pattern.ends_with("}$");
      if (!open_ended && !any_ending) {
        EXPECT_FALSE(matches_exactly(pattern, path + "x")) << path << "x";
        EXPECT_FALSE(matches_exactly(pattern, path + ";x=1")) << path;
        EXPECT_FALSE(matches_exactly(pattern, path + ".json")) << path;
      }
      EXPECT_FALSE(matches_exactly(pattern, path + "%2Fx")) << path;
      EXPECT_FALSE(matches_exactly(pattern, path + "%252Fx")) << path;
      if (const auto other = with_other_case(path); other != path) {
        EXPECT_FALSE(matches_exactly(pattern, other)) << path;
      }
      EXPECT_FALSE(matches_exactly(pattern, "/" + path)) << path;
      auto joined = path;
      if (const auto slash = joined.rfind('/'); slash > 0) {
        EXPECT_FALSE(matches_exactly(pattern, joined.substr(0, slash))) << path;
        EXPECT_FALSE(matches_exactly(pattern, joined.insert(slash, "/"))) << path;
        EXPECT_FALSE(matches_exactly(pattern, joined.replace(slash, 2, "%2F"))) << path;
      }
      EXPECT_FALSE(http::parse_target("/." + path).has_value()) << path;
      EXPECT_FALSE(http::parse_target(path + "/../x").has_value()) << path;
    }
  });
}

TEST(Registry, NoCapabilityReachesWhatItsProviderForbids) {
  for (const auto& provider : providers()) {
    for (const auto pattern : provider.never) {
      const auto path = sample_of(pattern);
      for (const auto& capability : provider.capabilities) {
        EXPECT_TRUE(is_excluded(capability, path)) << capability.id.view() << " " << path;
        EXPECT_TRUE(is_excluded(capability, with_other_case(path)))
            << capability.id.view() << " " << path;
      }
    }
  }
}

struct Expected {
  std::string_view id, method, path;
  CallClass value;
};

TEST(Registry, GivesWellKnownCallsTheirClass) {
  constexpr Expected kCalls[] = {
      {"openai/chat-completions", "POST", "/v1/chat/completions", CallClass::write},
      {"openai/chat-completions", "DELETE", "/v1/chat/completions/c1", CallClass::destructive},
      {"openai/embeddings", "POST", "/v1/embeddings", CallClass::read},
      {"openai/batch", "POST", "/v1/batches/b1/cancel", CallClass::destructive},
      {"openai/realtime", "GET", "/v1/realtime", CallClass::write},
      {"openai/realtime", "WS", "/v1/realtime", CallClass::write},
      {"openai/transcription", "POST", "/v1/audio/transcriptions", CallClass::write},
      {"anthropic/messages", "POST", "/v1/messages", CallClass::write},
      {"anthropic/messages", "POST", "/v1/messages/count_tokens", CallClass::read},
      {"telegram/get-me", "POST", "/getMe", CallClass::read},
      {"telegram/delete-message", "POST", "/deleteMessage", CallClass::destructive},
      {"slack/chat", "POST", "/api/chat.postMessage", CallClass::write},
      {"slack/chat", "POST", "/api/chat.delete", CallClass::destructive},
      {"slack/conversations", "GET", "/api/conversations.list", CallClass::read},
      {"slack/conversations", "POST", "/api/conversations.list", CallClass::read},
      {"slack/conversations", "GET", "/api/conversations.create", CallClass::write},
      {"slack/admin", "GET", "/api/admin.users.list", CallClass::destructive},
      {"github/repos", "PATCH", "/repos/o/r", CallClass::destructive},
      {"github/repos", "PATCH", "/repos/o/r/issues/1", CallClass::write},
      {"github/graphql", "POST", "/graphql", CallClass::destructive},
      {"linear/graphql", "POST", "/graphql", CallClass::destructive},
      {"stripe/refunds-write", "POST", "/v1/refunds", CallClass::destructive},
      {"notion/databases", "POST", "/v1/databases/d/query", CallClass::read},
  };
  for (const auto& [id, method, path, value] : kCalls) {
    const auto* capability = find_capability(id);
    ASSERT_NE(capability, nullptr) << id;
    EXPECT_TRUE(allows(*capability, method, path)) << id << " " << path;
    EXPECT_FALSE(is_excluded(*capability, path)) << id << " " << path;
    EXPECT_EQ(class_of(*capability, method, path), value) << id << " " << path;
  }
}

struct Refused {
  std::string_view id, method, path;
};

TEST(Registry, KeepsKeysAndTokensOutOfReach) {
  constexpr Refused kCalls[] = {
      {"twilio/api", "GET", "/2010-04-01/Accounts/AC1"},
      {"twilio/api", "GET", "/2010-04-01/Accounts/AC1.json"},
      {"twilio/api", "POST", "/2010-04-01/Accounts/AC1/Keys.json"},
      {"twilio/api", "POST", "/2010-04-01/Accounts/AC1/tokens.json"},
      {"openai/realtime", "POST", "/v1/realtime/client_secrets"},
      {"github/repos", "POST", "/repos/o/r/actions/runners/registration-token"},
      {"github/repos", "POST", "/repos/o/r/hooks"},
      {"github/orgs", "POST", "/orgs/o/actions/runners/generate-jitconfig"},
      {"slack/apps", "POST", "/api/apps.connections.open"},
      {"discord/channels", "POST", "/api/v10/channels/1/webhooks"},
      {"stripe/v2", "GET", "/v2/core/event_destinations/ed_1"},
      {"telegram/files", "GET", "/LogOut"},
  };
  for (const auto& [id, method, path] : kCalls) {
    const auto* capability = find_capability(id);
    ASSERT_NE(capability, nullptr) << id;
    EXPECT_TRUE(is_excluded(*capability, path)) << id << " " << path;
  }
}

TEST(Registry, PointsSdksAtTheVault) {
  const auto& sdk = find_provider("openai")->sdk;
  ASSERT_EQ(sdk.size(), 1U);
  EXPECT_EQ(sdk[0].base_url, "OPENAI_BASE_URL");
  EXPECT_EQ(sdk[0].suffix, "/v1");
  EXPECT_EQ(sdk[0].token, "OPENAI_API_KEY");
}

}  // namespace
}  // namespace aivault::registry
