#include "platform/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aivault::platform {
namespace {

class LogTest : public testing::Test {
 public:
  ~LogTest() override { std::filesystem::remove_all(directory_); }

 protected:
  LogTest() {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/out";
    out_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600));
  }

  std::string text(const std::string& name = "out") const {
    std::ostringstream all;
    all << std::ifstream(directory_ + "/" + name).rdbuf();
    return all.str();
  }
  Descriptor open_directory() const {
    return Descriptor(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  Log::Options at(LogLevel level = LogLevel::info) {
    return {level, false, [this] { return now_; }};
  }

  std::string directory_ = (std::filesystem::temp_directory_path() / "aivault-log.XXXXXX").string();
  std::string path_;
  Descriptor out_;
  UnixMs now_ = from_int(1'700'000'000'123);
};

TEST_F(LogTest, WritesTimeLevelEventAndFields) {
  Log log(out_.get(), at());
  log.info("daemon.ready", {{"pid", "12"}, {"socket", "/a b"}, {"empty", ""}});
  EXPECT_EQ(text(),
            "2023-11-14T22:13:20.123Z info daemon.ready pid=12 socket=\"/a b\" empty=\"\"\n");
}

TEST_F(LogTest, PutsAPriorityInPlaceOfTheTimeForTheJournal) {
  Log log(out_.get(), {LogLevel::info, true, {}});
  log.warn("x");
  EXPECT_EQ(text(), "<4>warn x\n");
}

TEST_F(LogTest, LeavesOutWhatIsBelowItsLevel) {
  Log log(out_.get(), at(LogLevel::warn));
  log.info("hidden");
  log.error("shown");
  EXPECT_EQ(text().find("hidden"), std::string::npos);
  EXPECT_NE(text().find("error shown\n"), std::string::npos);
}

TEST_F(LogTest, EscapesWhatATerminalOrAParserWouldObey) {
  const std::array<std::pair<std::string_view, std::string_view>, 8> cases = {{
      {"a\nb", R"("a\x0ab")"},
      {"\x1b[31m", R"("\x1b[31m")"},
      {"say \"hi\"", R"("say \"hi\"")"},
      {"back\\slash", R"("back\\slash")"},
      {"\xc2\x9b"
       "31m",
       R"("\xc2\x9b31m")"},
      {"\xe2\x80\xae", R"("\xe2\x80\xae")"},
      {"\xff", R"("\xff")"},
      {"\xc3\xa4", "\xc3\xa4"},
  }};
  for (const auto& [value, expected] : cases) {
    ASSERT_EQ(::ftruncate(out_.get(), 0), 0);
    Log log(out_.get(), at());
    log.info("e", {{"v", std::string(value)}});
    EXPECT_EQ(text(), "2023-11-14T22:13:20.123Z info e v=" + std::string(expected) + "\n");
  }
}

TEST_F(LogTest, CutsValuesAt256Bytes) {
  Log log(out_.get(), at());
  log.info("e", {{"v", std::string(257, 'x')}});
  EXPECT_NE(text().find("v=\"" + std::string(256, 'x') + "...\"\n"), std::string::npos);
}

TEST_F(LogTest, WritesAtMost100LinesASecondAndTellsTheRest) {
  Log log(out_.get(), at());
  for (int i = 0; i < 130; ++i) log.info("flood");
  const std::string first = text();
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 100);
  EXPECT_EQ(log.dropped(), 30U);
  now_ += std::chrono::seconds(1);
  log.info("later");
  EXPECT_NE(text().find("warn log.dropped lines=30\n"), std::string::npos);
  EXPECT_NE(text().find("info later\n"), std::string::npos);
  EXPECT_EQ(log.dropped(), 30U);
}

TEST_F(LogTest, KeepsOneOlderFileOfAMebibyte) {
  Log log(out_.get(), at());
  ASSERT_TRUE(log.move_to_file(open_directory(), "aivaultd.log").has_value());
  for (int i = 0; i < 4200; ++i) {
    now_ += std::chrono::seconds(1);
    log.info("line", {{"v", std::string(250, 'x')}});
  }
  EXPECT_EQ(text(), "");
  struct stat status{};
  ASSERT_EQ(::stat((directory_ + "/aivaultd.log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_LE(std::filesystem::file_size(directory_ + "/aivaultd.log.1"), 1U << 20U);
  EXPECT_GT(std::filesystem::file_size(directory_ + "/aivaultd.log.1"), 1'000'000U);
  EXPECT_GT(status.st_size, 0);
}

TEST_F(LogTest, DoesNotFollowALinkInPlaceOfItsFile) {
  std::filesystem::create_symlink(path_, directory_ + "/aivaultd.log");
  Log log(out_.get(), at());
  EXPECT_FALSE(log.move_to_file(open_directory(), "aivaultd.log").has_value());
}

TEST_F(LogTest, OpensAFileAnewThatWasMovedAway) {
  Log log(out_.get(), at());
  EXPECT_TRUE(log.reopen().has_value()) << "there is nothing to open";
  ASSERT_TRUE(log.move_to_file(open_directory(), "aivaultd.log").has_value());
  log.info("first");
  std::filesystem::rename(directory_ + "/aivaultd.log", directory_ + "/moved");
  ASSERT_TRUE(log.reopen().has_value());
  log.info("second");
  EXPECT_GT(std::filesystem::file_size(directory_ + "/aivaultd.log"), 0U);
  std::filesystem::remove(directory_ + "/aivaultd.log");
  std::filesystem::create_symlink(path_, directory_ + "/aivaultd.log");
  EXPECT_FALSE(log.reopen().has_value());
  const auto before = std::filesystem::file_size(path_);
  log.info("third");
  EXPECT_EQ(std::filesystem::file_size(path_), before) << "no link is followed";
}

TEST_F(LogTest, ChangesItsLevel) {
  Log log(out_.get(), at());
  log.set_level(LogLevel::error);
  log.info("quiet");
  log.set_level(LogLevel::info);
  log.info("loud");
  EXPECT_EQ(text().find("quiet"), std::string::npos);
  EXPECT_NE(text().find("loud"), std::string::npos);
}

TEST_F(LogTest, KnowsTheStreamOfTheJournal) {
  struct stat status{};
  ASSERT_EQ(::fstat(out_.get(), &status), 0);
  const std::string name = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  EXPECT_TRUE(is_journal(out_.get(), name));
  EXPECT_FALSE(is_journal(out_.get(), name + "1"));
  EXPECT_FALSE(is_journal(out_.get(), std::nullopt));
}

}  // namespace
}  // namespace aivault::platform
