#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "registry/check.h"

namespace aivault::registry {
namespace {

// "acme/do-this"; underscores only where an older release had them.
bool is_capability_id(std::string_view id, std::string_view provider, bool underscores) {
  if (!id.starts_with(provider)) return false;
  id.remove_prefix(provider.size());
  if (!id.starts_with('/') || id.size() < 2 || id.size() > 64) return false;
  id.remove_prefix(1);
  char before = '-';
  for (const char c : id) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool joint = c == '-' || (underscores && c == '_');
    if (!word && (!joint || before == '-' || before == '_')) return false;
    before = c;
  }
  return before != '-' && before != '_';
}

class SetChecks {
 public:
  SetChecks(std::span<const ProviderFile> files,
            std::span<const FamilyEntry> families,
            const Lock& lock,
            Problems& problems)
      : files_(files), families_(families), lock_(lock), problems_(problems) {}

  void run() {
    check_providers();
    check_hosts();
    check_ids();
    check_claims();
    check_families();
    check_lock();
    check_request_headers();
    check_widening(files_, lock_, problems_);
    check_totals(files_, problems_);
  }

 private:
  void add(const ProviderFile& file, Position at, std::string_view code, std::string text) {
    problems_.error(file.file, at, code, std::move(text));
  }

  void check_providers() {
    std::set<std::string_view> seen;
    for (const auto& file : files_) {
      if (!seen.insert(file.id.text).second) {
        add(file, file.id.at, "SET-1", "duplicate provider in registry: '" + file.id.text + "'");
      }
    }
  }

  bool are_relatives(std::string_view a, std::string_view b) const {
    return std::ranges::any_of(families_, [&](const FamilyEntry& family) {
      return family.members.contains(std::string(a)) && family.members.contains(std::string(b));
    });
  }

  void check_hosts() {
    std::map<std::string_view, const ProviderFile*> owners;
    const auto shares = [](const ProviderFile& file, std::string_view host) {
      return std::ranges::any_of(file.shares_host,
                                 [&](const Text& shared) { return shared.text == host; });
    };
    for (const auto& file : files_) {
      for (const auto& slot : file.slots) {
        for (const auto& host : slot.hosts) {
          if (host.text.find_first_of("{*") != std::string::npos) continue;
          const auto* owner = owners.emplace(host.text, &file).first->second;
          if (owner == &file || are_relatives(owner->id.text, file.id.text)) continue;
          if (shares(*owner, host.text) && shares(file, host.text)) continue;
          add(file,
              host.at,
              "HOST-5",
              "host '" + host.text + "' belongs to provider '" + owner->id.text + "'");
        }
      }
    }
  }

  void check_ids() {
    std::map<std::string_view, std::string_view> seen;
    const auto claim = [&](const ProviderFile& file, const Text& id) {
      const std::string provider(stem_of(file.file));  // FILE-4 reports a wrong 'provider' once.
      const bool released = lock_.contains(id.text);
      if (!is_capability_id(id.text, provider, released)) {
        add(file,
            id.at,
            "CAP-1",
            "invalid capability id '" + quote_for_message(id.text) + "': " + provider +
                "/<name>, in lower case with '-' between words");
      }
      if (!seen.emplace(id.text, file.file).second) {
        add(file, id.at, "CAP-1", "capability id '" + id.text + "' is used twice");
      }
    };
    for (const auto& file : files_) {
      for (const auto& capability : file.capabilities) {
        claim(file, capability.id);
        live_.insert(capability.id.text);
      }
      for (const auto& alias : file.aliases) {
        claim(file, alias.id);
        old_.insert(alias.id.text);
      }
      for (const auto& retired : file.retired) {
        claim(file, retired.id);
        old_.insert(retired.id.text);
      }
    }
    for (const auto& file : files_) {
      for (const auto& alias : file.aliases) check_target(file, alias.target);
      for (const auto& retired : file.retired) {
        for (const auto& id : retired.replacements) check_target(file, id);
      }
    }
  }

  void check_target(const ProviderFile& file, const Text& id) {
    if (live_.contains(id.text)) return;
    add(file, id.at, "SET-2", "'" + quote_for_message(id.text) + "' is no live capability id");
  }

  // A family shares a name under one placeholder; otherwise a name has one owner.
  void check_claims() {
    struct Claim {
      const ProviderFile* file;
      std::string_view placeholder;
    };
    std::map<std::string_view, Claim> claims;
    for (const auto& file : files_) {
      for (const auto& kind : file.kinds) {
        for (const auto& secret : kind.secrets) {
          const auto [found, is_new] =
              claims.try_emplace(secret.name.text, Claim{&file, secret.placeholder.text});
          const auto& first = found->second;
          if (is_new || first.file == &file) continue;
          const bool shared = is_family_secret(secret.name.text, first.file->id.text, file.id.text);
          if (!shared || first.placeholder != secret.placeholder.text) {
            add(file,
                secret.name.at,
                "SET-1",
                "duplicate vault secret name '" + secret.name.text + "': '" + first.file->id.text +
                    "' claims it");
          }
        }
      }
    }
  }

  bool is_family_secret(const std::string& secret,
                        const std::string& a,
                        const std::string& b) const {
    return std::ranges::any_of(families_, [&](const FamilyEntry& family) {
      return family.secrets.contains(secret) && family.members.contains(a) &&
             family.members.contains(b);
    });
  }

  void add(const FamilyEntry& family, const std::string& text) {
    problems_.error(family.file, family.at, "SET-1", "family '" + family.name + "': " + text);
  }

  bool claims(const std::string& provider, const std::string& secret) const {
    return std::ranges::any_of(files_, [&](const ProviderFile& file) {
      return file.id.text == provider && std::ranges::any_of(file.kinds, [&](const auto& kind) {
               return has_secret(kind, secret);
             });
    });
  }

  static bool has_secret(const KindEntry& kind, const std::string& name) {
    return std::ranges::any_of(kind.secrets,
                               [&](const SecretEntry& secret) { return secret.name.text == name; });
  }

  void check_families() {
    std::set<std::string> seen;
    for (const auto& family : families_) {
      for (const auto& member : family.members) {
        const bool known = std::ranges::any_of(
            files_, [&](const ProviderFile& file) { return file.id.text == member; });
        if (!known) add(family, "there is no provider '" + quote_for_message(member) + "'");
      }
      for (const auto& secret : family.secrets) {
        if (!seen.insert(secret).second) add(family, "another family has '" + secret + "', too");
        const bool claimed = std::ranges::any_of(
            family.members, [&](const std::string& member) { return claims(member, secret); });
        if (!claimed) add(family, "no member claims '" + quote_for_message(secret) + "'");
      }
      for (const auto& file : files_) {
        if (family.members.contains(file.id.text)) check_priorities(family, file);
      }
    }
  }

  // Where a provider takes its own secret and the family's in one way, its own is preferred.
  void check_priorities(const FamilyEntry& family, const ProviderFile& file) {
    const auto is_shared = [&](const KindEntry& kind) {
      return std::ranges::any_of(kind.secrets, [&](const SecretEntry& secret) {
        return family.secrets.contains(secret.name.text);
      });
    };
    for (const auto& shared : file.kinds) {
      if (!is_shared(shared)) continue;
      const bool wrong = std::ranges::any_of(file.kinds, [&](const KindEntry& own) {
        return !is_shared(own) && own.spec == shared.spec && own.priority <= shared.priority;
      });
      if (wrong) {
        add(file,
            shared.at,
            "SET-1",
            "kind '" + shared.name.text + "' takes a secret of family '" + family.name +
                "': the priority of the provider's own must be higher");
      }
    }
  }

  void check_lock() {
    for (const auto& [id, value] : lock_) {
      const ProviderFile* owner = nullptr;
      for (const auto& file : files_) {
        if (id.starts_with(file.id.text + "/")) owner = &file;
      }
      if (value.retired && live_.contains(id) && owner != nullptr) {
        add(*owner, owner->id.at, "SET-2", "the retired id '" + id + "' is never used again");
      }
      if (live_.contains(id) || old_.contains(id)) continue;
      const std::string text =
          "'" + id + "' was released: it must stay live, become an alias or be retired";
      if (owner != nullptr) {
        add(*owner, owner->id.at, "SET-2", text);
      } else {
        problems_.error("ids.lock", {}, "SET-2", text);
      }
    }
  }

  void check_request_headers() {
    std::set<std::string> injected;
    for (const auto& file : files_) {
      for (const auto& kind : file.kinds) {
        for (auto& name : injected_by(kind)) injected.insert(std::move(name));
      }
    }
    for (const auto& file : files_) {
      for (const auto& name : file.request_headers) {
        if (!injected.contains(name.text)) continue;
        add(file,
            name.at,
            "SET-4",
            "callers may not send '" + name.text + "': a provider injects it");
      }
    }
  }

  std::span<const ProviderFile> files_;
  std::span<const FamilyEntry> families_;
  const Lock& lock_;
  Problems& problems_;
  std::set<std::string_view> live_;
  std::set<std::string_view> old_;
};

}  // namespace

void check_set(std::span<const ProviderFile> files,
               std::span<const FamilyEntry> families,
               const Lock& lock,
               Problems& problems) {
  SetChecks(files, families, lock, problems).run();
}

}  // namespace aivault::registry
