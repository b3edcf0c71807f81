// OwnProvider: the definition of one checked provider file, and the owner of the texts that it
// views into. The compiled-in tables are printed from it, and what operators add is served from it.
// Thread: any; constant after construction. Not movable: views point into it.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "registry/definition.h"
#include "registry/file.h"

namespace aivault::registry {

class OwnProvider {
 public:
  explicit OwnProvider(ProviderFile file);
  OwnProvider(const OwnProvider&) = delete;
  OwnProvider& operator=(const OwnProvider&) = delete;

  const ProviderFile& file() const { return file_; }
  const Provider& definition() const { return definition_; }
  std::span<const Alias> aliases() const { return aliases_; }
  std::span<const Retired> retired() const { return retired_; }
  // One for each secret name, pinned to this provider; sorted by name.
  std::span<const Claim> claims() const { return claims_; }
  // Lower-case names of the headers that its kinds inject, sorted.
  std::span<const TextView> injected_headers() const { return injected_; }

 private:
  std::string_view keep(std::string text);
  ListView<TextView> keep(const Texts& texts);
  ListView<TextView> keep(std::vector<std::string> texts);
  ListView<TextView> keep_kinds(const CapabilityEntry& entry);
  void make_slots();
  void make_token_endpoints();
  void make_kinds();
  void make_capabilities();
  Capability make(const CapabilityEntry& entry);
  void make_old_ids();
  void make_rest();
  void make_claims();

  const ProviderFile file_;
  std::deque<std::string> texts_;
  std::deque<std::vector<TextView>> lists_;
  std::deque<std::vector<Rule>> rules_;
  std::deque<std::vector<ClassRule>> class_rules_;
  std::deque<std::vector<SecretClaim>> secrets_;
  std::deque<std::vector<TokenEndpoint::Field>> fields_;
  std::vector<Slot> slots_;
  std::vector<TokenEndpoint> token_endpoints_;
  std::vector<AuthKind> kinds_;
  std::vector<DefaultHeader> headers_;
  std::vector<Param> params_;
  std::vector<SdkVariable> sdk_;
  std::vector<Capability> capabilities_;
  std::vector<Alias> aliases_;
  std::vector<Retired> retired_;
  Provider definition_;
  Ref<Provider> self_;
  std::vector<Claim> claims_;
  ListView<TextView> injected_;
};

}  // namespace aivault::registry
