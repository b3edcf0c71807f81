#include "cli/socket_check.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <string_view>

#include "cli/routes.h"

namespace aivault::cli {
namespace {

constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::string_view kElsewhere = "use a socket path in a directory of your own";

Finding failure(std::string detail, std::string_view hint) {
  return {"fail", std::move(detail), std::string(hint)};
}

// nullopt: nobody but root and the caller can exchange what is in it.
std::optional<Finding> problem_of_directory(const std::string& directory, bool holds_socket) {
  struct stat status{};
  if (stat(directory.c_str(), &status) != 0) return std::nullopt;  // The daemon makes it.
  const auto unsafe = "unsafe socket directory '" + directory + "': ";
  if (!S_ISDIR(status.st_mode)) return failure("'" + directory + "' is no directory", kElsewhere);
  if (!is_trusted_owner(status.st_uid)) {
    return failure(unsafe + "belongs to uid " + std::to_string(status.st_uid), kElsewhere);
  }
  const bool is_open_to_others = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool is_sticky = (status.st_mode & S_ISVTX) != 0;
  if (!is_open_to_others || (is_sticky && !holds_socket)) return std::nullopt;
  // A shared place of the system is meant to be as it is.
  const bool may_be_tightened = !is_sticky && status.st_uid != 0;
  return failure(unsafe + "others can write there",
                 may_be_tightened ? "chmod go-w '" + directory + "'" : std::string(kElsewhere));
}

}  // namespace

bool is_trusted_owner(unsigned uid) { return uid == 0 || uid == geteuid(); }

Finding check_socket_path(const std::string& socket) {
  if (socket.size() > kMaxSocketPath) {
    return failure("socket path too long: '" + socket + "'",
                   "choose a path of at most " + std::to_string(kMaxSocketPath) + " bytes");
  }
  if (socket.find('\n') != std::string::npos) {
    return failure("invalid socket path: '" + socket + "'", "choose a path without line breaks");
  }
  const auto last = directory_of(socket);
  for (auto directory = last;; directory = directory_of(directory)) {
    if (auto problem = problem_of_directory(directory, directory == last)) return *problem;
    if (directory == "/") break;
  }
  struct stat there{};
  if (lstat(socket.c_str(), &there) == 0 &&
      (!S_ISSOCK(there.st_mode) || !is_trusted_owner(there.st_uid))) {
    return failure("'" + socket + "' exists and is not our socket",
                   "remove it, or use another socket path");
  }
  return {"ok", socket, ""};
}

}  // namespace aivault::cli
