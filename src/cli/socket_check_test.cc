#include "cli/socket_check.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace aivault::cli {
namespace {

class SocketCheck : public testing::Test {
 protected:
  SocketCheck() {
    std::string name = "/tmp/aiv-check-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~SocketCheck() override { std::filesystem::remove_all(directory_); }
  SocketCheck(const SocketCheck&) = delete;
  SocketCheck& operator=(const SocketCheck&) = delete;

  void listen_at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    close(socket);
  }

  std::string directory_;
};

constexpr auto kElsewhere = "use a socket path in a directory of your own";

TEST_F(SocketCheck, AcceptsASocketAndAPathThatIsFree) {
  const auto path = directory_ + "/s";
  EXPECT_EQ(check_socket_path(path).status, "ok");
  EXPECT_EQ(check_socket_path(directory_ + "/a/b/s").status, "ok");
  listen_at(path);
  const auto found = check_socket_path(path);
  EXPECT_EQ(found.status, "ok");
  EXPECT_EQ(found.detail, path);
}

TEST_F(SocketCheck, RefusesWhatIsNoSocket) {
  const auto path = directory_ + "/s";
  std::ofstream(path) << "x";
  const auto found = check_socket_path(path);
  EXPECT_EQ(found.status, "fail");
  EXPECT_EQ(found.detail, "'" + path + "' exists and is not our socket");
  EXPECT_EQ(check_socket_path(path + "/deeper").detail, "'" + path + "' is no directory");
  std::filesystem::create_symlink("/nowhere", directory_ + "/link");
  EXPECT_EQ(check_socket_path(directory_ + "/link").status, "fail");
}

TEST_F(SocketCheck, RefusesAPathThatNoSocketCanHave) {
  const auto found = check_socket_path(directory_ + "/" + std::string(108, 'x'));
  EXPECT_EQ(found.status, "fail");
  EXPECT_EQ(found.detail.find("socket path too long: '/tmp/"), 0U) << found.detail;
  EXPECT_EQ(check_socket_path(directory_ + "/a\nb").status, "fail");
}

TEST_F(SocketCheck, NeverAdvisesToChangeASharedDirectoryOfTheSystem) {
  const auto shared = check_socket_path("/tmp/aiv-check.sock");
  EXPECT_EQ(shared.status, "fail");
  EXPECT_EQ(shared.detail, "unsafe socket directory '/tmp': others can write there");
  EXPECT_EQ(shared.hint, kElsewhere);

  chmod(directory_.c_str(), 0777);
  const auto own = check_socket_path(directory_ + "/s");
  EXPECT_EQ(own.status, "fail");
  EXPECT_EQ(own.hint, geteuid() == 0 ? kElsewhere : "chmod go-w '" + directory_ + "'");
  // The directory above counts as well.
  EXPECT_EQ(check_socket_path(directory_ + "/run/s").detail,
            "unsafe socket directory '" + directory_ + "': others can write there");
  chmod(directory_.c_str(), 01777);
  EXPECT_EQ(check_socket_path(directory_ + "/s").hint, kElsewhere);
  EXPECT_EQ(check_socket_path(directory_ + "/run/s").status, "ok");
}

}  // namespace
}  // namespace aivault::cli
