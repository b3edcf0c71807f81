#include "vault/seal_sum.h"

#include "store/seals.h"

namespace aivault::vault {

Result<SealSum> sum_of_seals(store::Database& database, const MasterKeys& keys) {
  SealSum sum;
  TRY(store::scan_seals(database,
                        [&](store::Table table, std::string_view id, const store::RowSeal& seal) {
                          ++sum.objects;
                          sum.digest.add(keys.set_element(table, id, seal));
                          return Result<void>();
                        }));
  return sum;
}

}  // namespace aivault::vault
