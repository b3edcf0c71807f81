// Notices: what an operator should know about the tokens of credentials, one sentence for each.
// Thread: any.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace aivault::tokens {

class Notices {
 public:
  // Empty: nothing any more.
  void set(const std::string& credential, std::string sentence) {
    const std::lock_guard lock(mutex_);
    if (sentence.empty()) {
      sentences_.erase(credential);
    } else {
      sentences_.insert_or_assign(credential, std::move(sentence));
    }
  }
  // Sorted by credential.
  std::vector<std::pair<std::string, std::string>> all() const {
    const std::lock_guard lock(mutex_);
    return {sentences_.begin(), sentences_.end()};
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    sentences_.clear();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> sentences_;
};

}  // namespace aivault::tokens
