#include "vault/recent_secrets.h"

#include <utility>

namespace aivault::vault {

std::shared_ptr<const VerifiedSecret> RecentSecrets::find(
    const SecretId& id, std::int64_t revision, const std::shared_ptr<const Keyring>& keys) {
  const std::lock_guard lock(guard_);
  const auto place = places_.find(id.str());
  if (place == places_.end()) return nullptr;
  const auto entry = place->second;
  if (entry->revision != revision || entry->keys.lock() != keys) return nullptr;
  order_.splice(order_.begin(), order_, entry);
  return entry->secret;
}

void RecentSecrets::keep(std::int64_t revision,
                         const std::shared_ptr<const Keyring>& keys,
                         std::shared_ptr<const VerifiedSecret> secret) {
  if (secret->value.ciphertext.size() > kMostValueBytes) return;
  const auto id = secret->secret.record.id.str();
  const std::lock_guard lock(guard_);
  if (const auto place = places_.find(id); place != places_.end()) {
    order_.erase(place->second);
    places_.erase(place);
  }
  order_.push_front({revision, keys, std::move(secret)});
  places_.emplace(id, order_.begin());
  if (order_.size() <= kMost) return;
  places_.erase(order_.back().secret->secret.record.id.str());
  order_.pop_back();
}

}  // namespace aivault::vault
