#include "registry/operator_file.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/text.h"
#include "registry/registry.h"

namespace aivault::registry {
namespace {

// One file against all others: what check_set does for the compiled-in ones among themselves.
class BesideChecks {
 public:
  BesideChecks(const ProviderFile& file, const Registry& beside, Problems& problems)
      : file_(file), beside_(beside), problems_(problems) {}

  void run() {
    check_set({&file_, 1}, {}, released_ids(), problems_);
    check_claims();
    check_request_headers();
    if (!is_operator_id(file_.id.text)) check_hosts();
  }

 private:
  void add(const Text& at, std::string_view code, std::string text) {
    problems_.error(file_.file, at.at, code, std::move(text));
  }

  // Of those in the file: they may be spelled as they are.
  Lock released_ids() const {
    Lock released;
    for (const auto& capability : file_.capabilities) {
      const auto* known = registry::find_capability(capability.id.text);
      if (known != nullptr) released.emplace(capability.id.text, Released{});
    }
    for (const auto& alias : file_.aliases) {
      if (registry::find_capability(alias.id.text) != nullptr) {
        released.emplace(alias.id.text, Released{});
      }
    }
    for (const auto& retired : file_.retired) {
      if (registry::find_retired(retired.id.text) != nullptr) {
        released.emplace(retired.id.text, Released{.retired = true});
      }
    }
    return released;
  }

  bool is_relative(std::string_view other) const {
    return std::ranges::any_of(families(), [&](const Family& family) {
      return std::ranges::binary_search(family.members, std::string_view(file_.id.text)) &&
             std::ranges::binary_search(family.members, other);
    });
  }

  // A secret name has one owner for ever; only built-in providers have families.
  void check_claims() {
    for (const auto& kind : file_.kinds) {
      for (const auto& secret : kind.secrets) {
        const auto* claim = beside_.claim_of(secret.name.text);
        if (claim == nullptr || accepts_pin(file_.id.text, claim->pin)) continue;
        add(secret.name,
            "SET-1",
            "duplicate vault secret name '" + secret.name.text + "': '" +
                std::string(claim->providers.front()->id) + "' claims it");
      }
    }
  }

  void check_request_headers() {
    const auto injected = injected_headers();
    for (const auto& name : file_.request_headers) {
      if (std::ranges::find(injected, name.text) == injected.end()) continue;
      add(name, "SET-4", "callers may not send '" + name.text + "': a provider injects it");
    }
  }

  // Operators may name any host: no secret of another provider ever goes there.
  void check_hosts() {
    for (const auto& slot : file_.slots) {
      for (const auto& host : slot.hosts) {
        const auto* owner = provider_of_host(host.text);
        const auto is_shared = [&](const Text& shared) { return shared.text == host.text; };
        if (owner == nullptr || owner->id == file_.id.text || is_relative(owner->id) ||
            std::ranges::any_of(file_.shares_host, is_shared)) {
          continue;
        }
        add(host,
            "HOST-5",
            "host '" + host.text + "' belongs to provider '" + std::string(owner->id) + "'");
      }
    }
  }

  const ProviderFile& file_;
  const Registry& beside_;
  Problems& problems_;
};

}  // namespace

Judged judge_file(std::string_view text, const Registry& beside) {
  Judged judged;
  judged.file = parse_file("", text, judged.problems);
  if (!judged.file) return judged;
  auto& file = *judged.file;
  file.file = file.id.text + ".json";
  check_file(file, judged.problems);
  BesideChecks(file, beside, judged.problems).run();
  if (!judged.problems.has_errors()) judged.provider = std::make_shared<const OwnProvider>(file);
  return judged;
}

}  // namespace aivault::registry
