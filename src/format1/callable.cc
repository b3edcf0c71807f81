#include "format1/callable.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/text.h"
#include "catalog/facts.h"
#include "catalog/own_capability.h"
#include "catalog/tenant.h"
#include "registry/registry.h"

namespace aivault::format1 {
namespace {

constexpr std::size_t kMaxNotices = 100;    // Of one sort.
constexpr std::size_t kMaxHostsNamed = 10;  // In one sentence.
constexpr std::size_t kMaxNameBytes = 128;

template <typename Texts>
std::string list_of(const Texts& hosts) {
  std::string text;
  std::size_t named = 0;
  for (const auto& host : hosts) {
    if (named == kMaxHostsNamed) {
      return text + " and " + std::to_string(hosts.size() - named) + " more";
    }
    text += (named == 0 ? "" : ", ") + quote_for_message(host, kMaxNameBytes);
    ++named;
  }
  return text.empty() ? "none" : text;
}

// A row that cannot be read cannot be used: it has none.
std::vector<std::string> hosts_of(const vault::CredentialRow& row) {
  auto facts = catalog::parse_facts(row.body);
  const auto params = catalog::parse_params(row.params);
  if (!facts || !params) return {};
  const auto* provider = registry::find_provider(row.provider);
  if (facts->auth || provider == nullptr) return std::move(facts->hosts);
  return catalog::find_tenant(*provider, facts->hosts, *params).hosts;
}

std::string host_of(const vault::CapabilityRow& row) {
  const auto own = catalog::OwnCapability::parse(row);
  return own ? (*own)->definition().host : "none";
}

bool is_same(const vault::CredentialRow& a, const vault::CredentialRow& b) {
  return a.provider == b.provider && a.enabled == b.enabled && a.secret_id == b.secret_id &&
         a.scope.text() == b.scope.text() && a.params == b.params && a.body == b.body;
}

Result<std::string> secret_name(vault::Reader& reader, const vault::CredentialRow& row) {
  if (!row.secret_id) return std::string("none");
  TRY_ASSIGN(const auto secret, reader.secret(*row.secret_id));
  return secret ? quote_for_message(secret->name, kMaxNameBytes) : std::string("none");
}

}  // namespace

void cut(std::vector<std::string>& notices) {
  if (notices.size() <= kMaxNotices) return;
  const auto more = notices.size() - kMaxNotices;
  notices.resize(kMaxNotices);
  notices.push_back("and " + std::to_string(more) + " more of such notices");
}

Result<void> Callable::look(vault::Reader& reader) {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(auto credentials, reader.credentials(damaged));
  for (auto& row : credentials) credentials_.emplace(row.id, std::move(row));
  TRY_ASSIGN(const auto capabilities, reader.capabilities(damaged));
  for (const auto& row : capabilities) capabilities_.insert(row.id);
  return {};
}

bool Callable::is_in_use(std::string_view provider) const {
  return std::ranges::any_of(credentials_, [&](const auto& entry) {
    return entry.second.provider == provider && entry.second.enabled && entry.second.secret_id;
  });
}

void Callable::add_capability(const vault::CapabilityRow& row) {
  auto text = "Capability " + quote_for_message(row.id, kMaxNameBytes) +
              " can be called now: provider " + row.provider + ", host " + host_of(row);
  if (is_in_use(row.provider)) {
    switched_.push_back(std::move(text) + "; credentials of this provider were here before");
  } else {
    added_capabilities_.push_back(std::move(text));
  }
}

Result<void> Callable::add_binding(vault::Reader& reader,
                                   const vault::BindingRow& row,
                                   std::string_view secret_name) {
  const auto* known = registry::find_capability(row.capability);
  std::string provider, hosts;
  if (known != nullptr) {
    provider = known->provider;
    hosts = list_of(known->hosts);
  } else {
    TRY_ASSIGN(const auto stored, reader.capability(row.capability));
    if (!stored) return {};
    provider = stored->provider;
    hosts = host_of(*stored);
  }
  const auto id = quote_for_message(row.capability, kMaxNameBytes);
  const auto secret = quote_for_message(secret_name, kMaxNameBytes);
  const auto where =
      row.scope.text() +
      (row.consumer.empty() ? "" : ", consumer " + quote_for_message(row.consumer, kMaxNameBytes));
  const bool was_here = known != nullptr || capabilities_.contains(row.capability);
  if (was_here && is_in_use(provider)) {
    switched_.push_back("Capability " + id + " was in use here before and is bound to secret " +
                        secret + " of the old vault now (" + where + "), hosts " + hosts +
                        ": `aivault capability unbind` undoes it");
  } else {
    bindings_.push_back("Capability " + id + " is bound to secret " + secret + " now (" + where +
                        "), hosts " + hosts);
  }
  return {};
}

Result<void> Callable::add_credentials(vault::Reader& reader, std::vector<std::string>& out) const {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto rows, reader.credentials(damaged));
  for (const auto& row : rows) {
    const auto before = credentials_.find(row.id);
    if (!row.enabled || (before != credentials_.end() && is_same(before->second, row))) continue;
    TRY_ASSIGN(const auto secret, secret_name(reader, row));
    const auto hosts = hosts_of(row);
    out.push_back("Credential " + quote_for_message(row.id, kMaxNameBytes) +
                  " can be used now: provider " + row.provider + ", secret " + secret + ", hosts " +
                  list_of(hosts));
  }
  return {};
}

Result<std::vector<std::string>> Callable::sentences(vault::Reader& reader) const {
  std::vector<std::string> credentials;
  TRY(add_credentials(reader, credentials));
  std::vector<std::string> all;
  for (auto part : {switched_, credentials, bindings_, added_capabilities_}) {
    cut(part);
    std::ranges::move(part, std::back_inserter(all));
  }
  return all;
}

}  // namespace aivault::format1
