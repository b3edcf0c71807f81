#include "testing/signed_request.h"

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "policy/decide.h"
#include "policy/plan.h"
#include "registry/auth_spec.h"
#include "registry/definition.h"

namespace aivault::testing {
namespace {

template <typename T>
T require(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

}  // namespace

auth::SignedRequest signed_request(const RequestWish& wish) {
  static constexpr std::array<registry::TextView, 6> kMethods{
      "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"};
  static constexpr std::array<registry::TextView, 1> kPaths{"/v1"};
  static constexpr std::array kAllow{registry::Rule{kMethods, kPaths}};
  const std::array<registry::TextView, 1> hosts{wish.authority};
  registry::Capability capability;
  capability.id = "custom/things";
  capability.provider = "custom";
  capability.form = registry::PathForm::prefix;
  capability.hosts = hosts;
  capability.allow = kAllow;

  policy::CredentialPolicy credential;
  credential.id = "custom";
  credential.hosts = {wish.authority};
  credential.auth = registry::HeaderAuth{};
  credential.addresses = wish.addresses;
  credential.allow_any_port = true;

  policy::CallRequest call;
  call.method = wish.method;
  call.path = wish.path;
  call.has_body = wish.has_body;
  call.body_size = wish.body_size;

  auto approved = require(policy::decide(capability, credential, std::move(call)));
  policy::PlanOptions options;
  options.version = "test";
  auto planned = policy::plan(std::move(approved), std::move(options));
  const auto key = Secret::copy_of("sk-test-0001");
  return require(auth::sign(std::move(planned), credential.auth, key));
}

}  // namespace aivault::testing
