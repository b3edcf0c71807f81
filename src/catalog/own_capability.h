// OwnCapability: an operator-defined capability, and the owner of the texts that its
// registry::Capability (plain prefixes, one exact host) views into.
// Thread: any; constant after construction. Not movable: views point into it.
// Errors: invalid_request record_invalid | path_syntax, policy_violation with the texts of
// `capability create`.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "registry/definition.h"
#include "vault/rows.h"

namespace aivault::catalog {

class OwnCapability {
 public:
  struct Definition {
    std::string id, provider, host;
    std::vector<std::string> methods, paths;
  };
  // Canonical form: methods in upper case, no duplicates. Runs the creation checks.
  static Result<std::unique_ptr<OwnCapability>> create(Definition definition);
  static Result<std::unique_ptr<OwnCapability>> parse(const vault::CapabilityRow& row);
  OwnCapability(const OwnCapability&) = delete;
  OwnCapability& operator=(const OwnCapability&) = delete;

  const registry::Capability& capability() const { return capability_; }
  const Definition& definition() const { return definition_; }
  std::string body() const;  // As it is stored.

 private:
  explicit OwnCapability(Definition definition);
  Definition definition_;
  std::vector<registry::TextView> hosts_, methods_, paths_;
  registry::Rule rule_;
  registry::Capability capability_;
};

// The Capability shape of the command line.
json::Value to_json(const registry::Capability& capability);

}  // namespace aivault::catalog
