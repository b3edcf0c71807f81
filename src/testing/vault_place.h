// VaultPlace: a directory of its own under the temporary directory with the place of a vault in
// it; removed at the end.
// Thread: one.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "vault/vault.h"

namespace aivault::testing {

class VaultPlace {
 public:
  VaultPlace() {
    std::string pattern = (std::filesystem::temp_directory_path() / "aivault-XXXXXX").string();
    base_ = ::mkdtemp(pattern.data());
  }
  VaultPlace(const VaultPlace&) = delete;
  VaultPlace& operator=(const VaultPlace&) = delete;
  ~VaultPlace() {
    std::error_code ignored;
    std::filesystem::remove_all(base_, ignored);
  }

  std::string base() const { return base_; }
  std::string root() const { return base_ + "/data/vault"; }
  std::string database() const { return root() + "/vault.db"; }
  std::string key_file() const { return base_ + "/keys/kek.key"; }
  vault::Options options() const { return {{root(), key_file()}, vault::CallRecords::written}; }

 private:
  std::string base_;
};

}  // namespace aivault::testing
