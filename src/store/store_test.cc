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

TEST_F(Store, RollsBackWhatIsNotCommitted) {
  auto database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (a)"));
  {
    const auto transaction = Transaction::begin(database, Kind::write);
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(Statement(database, "INSERT INTO t VALUES (?1)", std::int64_t{1}).run());
  }
  Statement count(database, "SELECT count(*) FROM t");
  ASSERT_TRUE(*count.step());
  EXPECT_EQ(count.integer(0), 0);
}

TEST_F(Store, KeepsEveryTypeOfField) {
  auto database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (a, b, c, d, e, f)"));
  const Row row{Field(),
                Field(std::int64_t{-5}),
                text_field(std::string("a\0b", 3)),
                text_field(""),
                blob_field(std::string("\0\xFF", 2)),
                blob_field("")};
  Statement insert(database, "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind_all(row);
  ASSERT_TRUE(insert.run());
  Statement select(database, "SELECT * FROM t");
  ASSERT_TRUE(*select.step());
  EXPECT_EQ(select.row(), row);
}

TEST_F(Store, SaysWhatWentWrongInTheWordsOfTheVault) {
  std::filesystem::create_symlink(path(), directory_ + "/link");
  EXPECT_EQ(Database::open(directory_ + "/link").error().reason, "unsafe_path");
  EXPECT_EQ(Database::open(directory_ + "/absent").error().reason, "not_writable");
  std::ofstream(path()) << std::string(8192, 'x');
  auto garbage = Database::open(path());
  const auto checked = garbage ? check_schema(*garbage) : Result<void>(fail(garbage.error()));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().reason, "damaged");
  EXPECT_NE(checked.error().message.find("vault damaged"), std::string::npos);
}

TEST_F(Store, RefusesBodiesThatAreNotJson) {
  auto database = open();
  auto transaction = Transaction::begin(database, Kind::write);
  ASSERT_TRUE(create_schema(database));
  const auto put = [&](std::string body) {
    return put_row(database,
                   Table::policies,
                   {text_field("p"), text_field(std::move(body)), Field(std::int64_t{1})});
  };
  EXPECT_TRUE(put(R"({"a":[1]})"));
  EXPECT_EQ(put("{").error().reason, "record_invalid");
  EXPECT_EQ(put("").error().reason, "record_invalid");
}

}  // namespace
}  // namespace aivault::store
