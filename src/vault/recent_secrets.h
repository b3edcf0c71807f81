// RecentSecrets: rows and sealed values of secrets lately used, verified once for their revision.
// A value is kept as it is in the database, encrypted; the oldest go when there are too many.
// Thread: any.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "crypto/seal.h"
#include "vault/keyring.h"
#include "vault/stored_row.h"

namespace aivault::vault {

struct VerifiedSecret {
  StoredSecret secret;
  crypto::Sealed value;
};

class RecentSecrets {
 public:
  static constexpr std::size_t kMost = 64;
  static constexpr std::size_t kMostValueBytes = 64 * 1024;  // A larger one is read each time.

  // Nothing, unless it was kept for this very revision and under these keys.
  std::shared_ptr<const VerifiedSecret> find(const SecretId& id,
                                             std::int64_t revision,
                                             const std::shared_ptr<const Keyring>& keys);
  void keep(std::int64_t revision,
            const std::shared_ptr<const Keyring>& keys,
            std::shared_ptr<const VerifiedSecret> secret);

 private:
  struct Entry {
    std::int64_t revision;
    std::weak_ptr<const Keyring> keys;  // They have to go when the vault is locked.
    std::shared_ptr<const VerifiedSecret> secret;
  };
  using Order = std::list<Entry>;  // The latest first.

  std::mutex guard_;
  Order order_;
  std::unordered_map<std::string, Order::iterator> places_;
};

}  // namespace aivault::vault
