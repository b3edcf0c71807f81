// Registry: the providers compiled into this program (constant, read-only memory), and those that
// an operator brings in files of their own.
// Thread: any; a Registry is constant after construction. Errors: none; absence is nullptr.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "registry/definition.h"
#include "registry/own_provider.h"

namespace aivault::registry {

std::span<const Provider> providers();  // Sorted by id.
const Provider* find_provider(std::string_view id);
const Capability* find_capability(std::string_view id);  // Follows an alias.
const Retired* find_retired(std::string_view id);
// "capability 'ID' is retired: REASON; use 'A', 'B'"
std::string to_sentence(const Retired& retired);
// Who claims this secret name, or nullptr.
const Claim* claim_of(std::string_view secret_name);
// Who lists exactly this host, or nullptr; the first one of a family.
const Provider* provider_of_host(std::string_view host);
std::span<const Family> families();  // Sorted by name.
// May this provider use a secret that is pinned so? A pin is a provider id or "family:<name>".
bool accepts_pin(std::string_view provider, std::string_view pin);
std::string_view digest();  // 64 hex digits of BLAKE2b over the definitions.
// Lower-case names of every header that any kind of any provider injects.
std::span<const TextView> injected_headers();

// The compiled-in providers with the operator's own of one moment. The ids of the latter begin with
// "x-" and their secret names are claimed by nobody else, so neither ever answers for the other.
class Registry {
 public:
  Registry() = default;  // The compiled-in ones alone.
  // `refused`: ids of files that are there and must not be used.
  explicit Registry(std::vector<std::shared_ptr<const OwnProvider>> own,
                    std::vector<std::string> refused = {});

  std::vector<const Provider*> providers() const;  // Sorted by id.
  const Provider* find_provider(std::string_view id) const;
  const Capability* find_capability(std::string_view id) const;  // Follows an alias.
  const Retired* find_retired(std::string_view id) const;
  const Claim* claim_of(std::string_view secret_name) const;
  const std::vector<std::shared_ptr<const OwnProvider>>& own() const { return own_; }
  bool is_refused(std::string_view provider) const;

 private:
  const OwnProvider* find_own(std::string_view id) const;
  std::vector<std::shared_ptr<const OwnProvider>> own_;  // Sorted by id; few.
  std::vector<std::string> refused_;
};

// Is the method in one of the rules? ASCII case ignored. "WS" is the upgrade of a GET.
bool allows_method(const Capability& capability, std::string_view method);
// Does `path` (wire form) fit one of the rules, with `method`? Exact comparison.
bool allows(const Capability& capability, std::string_view method, std::string_view path);
// Is the path cut out by `except` or `never`? Wide comparison (every decoding).
bool is_excluded(const Capability& capability, std::string_view path);
// Class of a call by its first matching rule, else by its method. `query` is the wire form without
// '?'. Rules that raise the class compare widely, rules that lower it exactly.
CallClass class_of(const Capability& capability,
                   std::string_view method,
                   std::string_view path,
                   std::string_view query = {});
CallClass class_of_method(std::string_view method);

// For describe: unique methods in fixed order without WS; fixed beginnings of the patterns.
std::vector<std::string_view> methods_of(const Capability& capability);
std::vector<std::string> prefixes_of(const Capability& capability);
std::vector<std::string_view> patterns_of(const Capability& capability);
// The path to suggest: the single pattern if it has no placeholder and no '*'; else empty.
std::string default_path_of(const Capability& capability);

}  // namespace aivault::registry
