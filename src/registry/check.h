// Checks of registry files: what must hold before a definition may be compiled in. Every fault is
// reported; a file that breaks one rule is still judged by the others.
// Thread: any. Errors: problems with a code (FILE-4 ... SET-5) at the place of the fault.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "registry/file.h"

namespace aivault::registry {

// One file by itself. Completes `spec` of its auth kinds.
void check_file(ProviderFile& file, Problems& problems);

void check_texts(const ProviderFile& file, Problems& problems);            // FILE-4 to FILE-7
void check_hosts(const ProviderFile& file, Problems& problems);            // HOST-1 to HOST-4
void check_auth(ProviderFile& file, Problems& problems);                   // AUTH-1 to AUTH-8
void check_token_endpoints(const ProviderFile& file, Problems& problems);  // TOKEN-1 to TOKEN-3
void check_serving(const ProviderFile& file, Problems& problems);          // AUTH-9, AUTH-10
void check_headers(const ProviderFile& file, Problems& problems);          // HEAD-1, HEAD-2
void check_paths(const ProviderFile& file, Problems& problems);            // PATH-1 to PATH-4
void check_capabilities(const ProviderFile& file, Problems& problems);     // CAP-2 to CAP-7
void check_overlaps(const ProviderFile& file, Problems& problems);  // SET-1 within a provider

// Providers that may claim the same secrets and name the same hosts.
struct FamilyEntry {
  std::string name;
  std::set<std::string> members = {}, secrets = {};
  std::string file = {};  // As it is named in problems.
  Position at = {};
};
std::vector<FamilyEntry> parse_families(std::string_view file,
                                        std::string_view text,
                                        Problems& problems);

// What a capability could do when it was released.
struct Released {
  std::optional<CallClass> highest = {};  // nullopt: not known.
  bool emits = false;
  std::set<std::string> hosts = {};
  bool retired = false;  // Never ships again; the others say nothing.
  bool operator==(const Released&) const = default;
};
// Every id ever released.
using Lock = std::map<std::string, Released>;
Lock parse_lock(std::string_view file, std::string_view text, Problems& problems);
Lock lock_of(std::span<const ProviderFile> files, const Lock& before);
std::string print_lock(const Lock& lock);

void check_widening(std::span<const ProviderFile> files,
                    const Lock& lock,
                    Problems& problems);                                     // SET-3
void check_totals(std::span<const ProviderFile> files, Problems& problems);  // SET-5

// All files together: HOST-5, CAP-1, SET-1 to SET-5.
void check_set(std::span<const ProviderFile> files,
               std::span<const FamilyEntry> families,
               const Lock& lock,
               Problems& problems);

// Do the patterns of the capability and of `never` keep to the grammar, so that they can be read?
bool has_good_patterns(const ProviderFile& file, const CapabilityEntry& capability);

// "acme" of "registry/acme.json".
std::string_view stem_of(std::string_view file);

// The headers that a kind injects, in lower case; empty while its config is faulty.
std::vector<std::string> injected_by(const KindEntry& kind);

// What is wrong with a host that may hold params, as HOST-1 and HOST-2 say.
std::optional<std::string> host_pattern_problem(std::string_view pattern);

// The names in {braces}, {version} left out.
std::vector<std::string> params_in(std::string_view text);

// The methods of a rule, with WS where its GET may be upgraded.
std::vector<std::string_view> methods_of_rule(const CapabilityEntry& capability,
                                              const RuleEntry& rule);

// The classes that calls with this method on paths of this pattern can have.
std::set<CallClass> classes_of(const CapabilityEntry& capability,
                               std::string_view method,
                               std::string_view pattern);

}  // namespace aivault::registry
