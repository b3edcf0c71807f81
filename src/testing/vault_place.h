// VaultPlace: a directory of its own under the temporary directory with the place of a vault in
// it, removed at the end; and short forms of what tests do to a vault.
// Thread: one.
#pragma once

#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "vault/vault.h"

namespace aivault::testing {

class VaultPlace {
 public:
  VaultPlace() {
    std::string pattern = (std::filesystem::temp_directory_path() / "aivault-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    base_ = std::move(pattern);
  }
  VaultPlace(const VaultPlace&) = delete;
  VaultPlace& operator=(const VaultPlace&) = delete;
  VaultPlace(VaultPlace&&) = delete;
  VaultPlace& operator=(VaultPlace&&) = delete;
  ~VaultPlace() {
    std::error_code ignored;
    std::filesystem::remove_all(base_, ignored);
  }

  const std::string& base() const { return base_; }
  std::string root() const { return base_ + "/data/vault"; }
  std::string database() const { return root() + "/vault.db"; }
  std::string key_file() const { return base_ + "/keys/kek.key"; }
  vault::Options options() const { return {{root(), key_file()}, vault::CallRecords::written}; }
  // Throws when it cannot.
  std::unique_ptr<vault::Vault> open() const {
    auto vault = vault::Vault::open_or_create(options());
    if (!vault) throw std::runtime_error(vault.error().message);
    return std::move(*vault);
  }

 private:
  std::string base_;
};

inline audit::Event event_of(std::string kind) {
  audit::Event event;
  event.kind = std::move(kind);
  event.actor = "operator";
  return event;
}

inline vault::NewSecret named(std::string name) {
  vault::NewSecret secret;
  secret.name = std::move(name);
  return secret;
}

inline Result<vault::SecretRecord> create(vault::Vault& vault,
                                          const vault::NewSecret& secret,
                                          std::string_view value) {
  return vault::change(vault, [&](vault::Change& c) -> Result<vault::SecretRecord> {
    TRY_ASSIGN(auto record, c.create_secret(secret, Secret::copy_of(value)));
    auto event = event_of("secret.create");
    event.secret_id = record.id.str();
    c.record(event);
    return record;
  });
}

// Waits until the record is in the log, or was refused.
inline Result<void> record_and_wait(vault::Vault& vault, audit::Event event) {
  std::mutex guard;
  std::condition_variable ready;
  std::optional<Result<void>> outcome;
  vault.record(std::move(event), [&](Result<void> done) {
    const std::lock_guard lock(guard);
    outcome = std::move(done);
    ready.notify_all();
  });
  std::unique_lock lock(guard);
  ready.wait(lock, [&] { return outcome.has_value(); });
  return std::move(*outcome);
}

inline Result<std::optional<vault::SecretRecord>> find(vault::Vault& vault, const SecretId& id) {
  return vault::read(vault, [&](vault::Reader& r) { return r.secret(id); });
}

inline Result<vault::OpenedSecret> open_globally(vault::Vault& vault, const SecretId& id) {
  return vault.open_secret(id, vault::Context{}, vault::Opener::other);
}

// A change with a record, which every change needs.
template <typename Work>
auto recorded(vault::Vault& vault, Work work) {
  return vault::change(vault, [&](vault::Change& c) {
    c.record(event_of("secret.update"));
    return work(c);
  });
}

std::string message_of(const auto& result) {
  return result ? "succeeded" : result.error().reason + ": " + result.error().message;
}

inline std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace aivault::testing
