#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "store/schema.h"
#include "store/seals.h"
#include "store/statement.h"

namespace aivault::store {
namespace {

class Store : public ::testing::Test {
 protected:
  Store() {
    std::string pattern = (std::filesystem::temp_directory_path() / "aivault-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    const std::ofstream made(path());
  }
  ~Store() override { std::filesystem::remove_all(directory_); }
  std::string path() const { return directory_ + "/vault.db"; }
  Database open() {
    auto database = Database::open(path());
    EXPECT_TRUE(database) << database.error().message;
    return std::move(*database);
  }

  std::string directory_;
};

TEST_F(Store, CreatesTheSchemaAndRecognisesIt) {
  auto database = open();
  auto transaction = Transaction::begin(database, Kind::write);
  ASSERT_TRUE(transaction);
  const auto made = create_schema(database);
  ASSERT_TRUE(transaction->commit());
  ASSERT_TRUE(made) << made.error().message;
  const auto checked = check_schema(database);
  EXPECT_TRUE(checked) << checked.error().message;
}

}  // namespace
}  // namespace aivault::store
