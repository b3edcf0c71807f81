#include "broker/material.h"

#include <utility>

#include "broker/candidates.h"

namespace aivault::broker {
namespace {

// "https://login.acme.com/token" of a provider file: its host may be asked for tokens.
std::string host_of(std::string_view url) {
  const auto mark = url.find("://");
  if (mark == std::string_view::npos) return "";
  url.remove_prefix(mark + 3);
  return std::string(url.substr(0, url.find_first_of("/?")));
}

}  // namespace

void use_token(const registry::AuthSpec& auth, tokens::TokenPtr token, Material& material) {
  const auto* oauth = std::get_if<registry::OAuth2Auth>(&auth);
  if (oauth != nullptr && !oauth->inject.empty()) {
    material.auth = registry::MultiHeaderAuth{oauth->inject};
    material.secret = token->fields.clone();
  } else {
    material.auth = registry::HeaderAuth();
    material.secret = token->access.clone();
  }
  material.forms = token->forms;
  material.version = token->secret_version;
  material.token = std::move(token);
}

tokens::JobPtr job_of(std::shared_ptr<vault::Vault> vault,
                      const catalog::Credential& credential,
                      const SecretId& secret,
                      const vault::Context& context,
                      bool allow_any_port,
                      const audit::Event& call) {
  auto job = std::make_shared<tokens::Job>();
  job->vault = std::move(vault);
  job->credential = credential.id;
  job->auth = credential.policy.auth;
  job->rules.hosts = credential.policy.hosts;
  job->rules.addresses = credential.policy.addresses;
  job->rules.allow_any_port = allow_any_port;
  const auto* oauth = std::get_if<registry::OAuth2Auth>(&job->auth);
  if (oauth != nullptr && credential.from_registry) {
    if (auto host = host_of(oauth->token_endpoint); !host.empty()) {
      job->rules.hosts.push_back(std::move(host));
    }
  }
  if (!credential.policy.hosts.empty()) job->tenant_host = credential.policy.hosts.front();
  job->extra_ca_pem = credential.tls_ca_pem;
  job->public_fields = credential.public_fields;
  job->secret = secret;
  job->context = context;
  job->opener = opener_of(credential);
  job->who = call;
  job->who.actor = "broker";
  job->who.outcome.clear();
  return job;
}

}  // namespace aivault::broker
