// Random changes of the secrets of providers with several secrets and of a family: after each one,
// composites and derived credentials are exactly those that the names call for.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "admin/desk_fixture.h"
#include "auth/material.h"
#include "catalog/derived.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using registry::AuthKind;
using registry::Provider;
using vault::Scope;

constexpr const char* kNames[] = {"TWILIO_ACCOUNT_SID",
                                  "TWILIO_AUTH_TOKEN",
                                  "TWILIO_API_KEY_SID",
                                  "TWILIO_API_KEY_SECRET",
                                  "GOOGLE_API_KEY",
                                  "GEMINI_API_KEY",
                                  "MY_KEY"};
constexpr const char* kProviders[] = {"twilio", "gemini", "google-places"};
const Scope kScopes[] = {Scope{}, Scope{Scope::Kind::workspace, "w", ""}};

class RandomChanges : public DeskFixture {
 protected:
  struct Live {
    std::string id, value;
  };
  using Place = std::pair<std::size_t, std::string>;  // Scope and name.

  std::string value() { return "value-" + std::to_string(random_()) + std::string(below(40), 'v'); }
  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string create(std::size_t scope, const std::string& name) {
    const auto text = value();
    const auto more = scope == 0 ? "" : R"(,"scope":"workspace","workspaceId":"w")";
    const auto answer = ask("POST",
                            "/aivault/secrets",
                            R"({"name":")" + name + R"(","value":")" + text + "\"" + more + "}");
    if (live_.contains({scope, name})) {
      EXPECT_FALSE(answer) << name;
    } else if (answer) {
      live_[{scope, name}] = {std::string(answer->result.find("secretId")->text()), text};
    } else {
      ADD_FAILURE() << name << ": " << answer.error().message;
    }
    return "create " + name;
  }

  std::string change(const Place& place, Live& secret) {
    const auto path = "/aivault/secrets/" + secret.id;
    switch (below(4)) {
      case 0:
      case 1: {
        secret.value = value();
        EXPECT_TRUE(ask("POST", path + "/rotate", R"({"value":")" + secret.value + R"("})"));
        return "rotate " + place.second;
      }
      case 2: {
        const std::string name = kNames[below(std::size(kNames))];
        if (ask("PATCH", path, R"({"name":")" + name + R"("})") && name != place.second) {
          const auto moved = secret;
          live_.erase(place);
          live_[{place.first, name}] = moved;
        }
        return "rename to " + name;
      }
      default:
        EXPECT_TRUE(ask("DELETE", path));
        live_.erase(place);
        return "delete";
    }
  }

  std::string switch_one() {
    const auto ids = all_ids();
    if (ids.empty()) return "nothing";
    const auto id = ids[below(ids.size())];
    const bool on = below(2) == 0;
    EXPECT_TRUE(ask("POST", "/aivault/credentials/" + id + (on ? "/enable" : "/disable"), "{}"));
    if (on) off_.erase(id);
    if (!on) off_.insert(id);
    return (on ? "enable " : "disable ") + id;
  }

  std::string step() {
    const auto scope = below(std::size(kScopes));
    if (below(10) == 0) return switch_one();
    if (live_.empty() || below(3) == 0) return create(scope, kNames[below(std::size(kNames))]);
    auto picked = live_.begin();
    std::advance(picked, static_cast<std::ptrdiff_t>(below(live_.size())));
    const auto place = picked->first;
    return change(place, picked->second);
  }

  std::vector<std::string> all_ids() {
    std::vector<std::string> ids;
    const auto snap = snapshot();
    for (const auto& credential : snap->credentials()) ids.push_back(credential.id);
    return ids;
  }

  // The values of all names of the kind in this exact scope, as far as the provider may use them.
  std::vector<const Live*> members(vault::Change& change,
                                   const Provider& provider,
                                   const AuthKind& kind,
                                   std::size_t scope) {
    std::vector<const Live*> found;
    for (const auto& claim : kind.secrets) {
      const auto secret = live_.find({scope, std::string(claim.name)});
      if (secret == live_.end()) return {};
      const auto record = change.secret(SecretId(secret->second.id));
      if (!record || !*record) return {};
      if (!catalog::pin_allows((*record)->pinned_provider, provider.id)) return {};
      found.push_back(&secret->second);
    }
    return found;
  }

  void check_composite(vault::Change& change,
                       const vault::SecretRecord& composite,
                       const AuthKind& kind,
                       const std::vector<const Live*>& values) {
    std::vector<Secret> secrets;
    for (const auto* value : values) secrets.push_back(Secret::copy_of(value->value));
    std::vector<auth::NamedSecret> named;
    for (std::size_t i = 0; i < secrets.size(); ++i) {
      named.push_back({std::string(kind.secrets[i].placeholder), &secrets[i]});
    }
    const auto expected = auth::compose(named);
    const auto stored = change.open_internally(composite.id);
    ASSERT_TRUE(expected);
    ASSERT_TRUE(stored);
    EXPECT_TRUE(*expected == *stored) << composite.name;
  }

  void check_kind(vault::Change& change,
                  const Provider& provider,
                  const AuthKind& kind,
                  std::size_t scope,
                  std::set<std::string>& expected_ids,
                  std::set<std::string>& expected_composites) {
    const auto values = members(change, provider, kind, scope);
    const auto id = catalog::derived_id(provider, kind, kScopes[scope]);
    const auto row = change.credential(id);
    ASSERT_TRUE(row) << id;
    const auto name = catalog::composite_name(provider, kind, kScopes[scope]);
    const auto composite = change.secret_by_name(kScopes[scope], name);
    ASSERT_TRUE(composite) << name;
    if (values.empty()) {
      EXPECT_FALSE(*composite) << name;
      if (!*row) {
        off_.erase(id);  // Only what is switched off keeps a row.
        return;
      }
      EXPECT_FALSE((*row)->enabled) << id;
      EXPECT_FALSE((*row)->secret_id) << id;
      expected_ids.insert(id);
      return;
    }
    ASSERT_TRUE(*row) << id;
    expected_ids.insert(id);
    EXPECT_EQ((*row)->enabled, !off_.contains(id)) << id;
    if (catalog::needs_composite(kind)) {
      ASSERT_TRUE(*composite) << name;
      expected_composites.insert(name);
      EXPECT_EQ((*row)->secret_id, (*composite)->id);
      EXPECT_EQ((*composite)->pinned_provider, std::string(provider.id));
      check_composite(change, **composite, kind, values);
    } else {
      EXPECT_EQ((*row)->secret_id, SecretId(values.front()->id));
    }
  }

  void check_all() {
    const auto looked = vault().change([&](vault::Change& change) -> Result<void> {
      std::set<std::string> ids;
      std::set<std::string> composites;
      for (const auto* provider_id : kProviders) {
        const auto& provider = *registry::find_provider(provider_id);
        for (const auto& kind : provider.kinds) {
          for (std::size_t scope = 0; scope < std::size(kScopes); ++scope) {
            check_kind(change, provider, kind, scope, ids, composites);
          }
        }
      }
      std::vector<vault::Problem> damaged;
      TRY_ASSIGN(const auto rows, change.credentials(damaged));
      std::set<std::string> stored;
      for (const auto& row : rows) stored.insert(row.id);
      EXPECT_EQ(stored, ids);
      TRY_ASSIGN(const auto secrets, change.secrets({}, std::nullopt, 1000, damaged));
      std::set<std::string> managed;
      for (const auto& secret : secrets) {
        if (secret.system_managed) managed.insert(secret.name);
      }
      EXPECT_EQ(managed, composites);
      EXPECT_TRUE(damaged.empty());
      return {};
    });
    EXPECT_TRUE(looked) << looked.error().message;
  }

  std::mt19937 random_;
  std::map<Place, Live> live_;
  std::set<std::string> off_;
};

TEST_F(RandomChanges, KeepCompositesAndDerivedCredentialsInStep) {
  constexpr int kRounds = 6;
  constexpr int kSteps = 60;
  for (unsigned round = 1; round <= kRounds; ++round) {
    random_.seed(round);
    std::string done;
    for (int i = 0; i < kSteps; ++i) {
      done += step() + "\n";
      check_all();
      ASSERT_FALSE(HasFailure()) << "round " << round << ":\n" << done;
    }
  }
}

}  // namespace
}  // namespace aivault::admin
