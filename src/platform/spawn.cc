#include "platform/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <thread>

namespace aivault::platform {
namespace {

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  posix_spawn_file_actions_t* get() { return &actions_; }

  void place(int source, int target) {
    if (source >= 0) {
      posix_spawn_file_actions_adddup2(&actions_, source, target);
    } else {
      posix_spawn_file_actions_addopen(&actions_, target, "/dev/null", O_RDWR, 0);
    }
  }

 private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    constexpr int kFlags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    posix_spawnattr_setflags(&attributes_, static_cast<short>(kFlags));
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

Result<Child> spawn(const Program& program) {
  FileActions actions;
  actions.place(program.input, STDIN_FILENO);
  actions.place(-1, STDOUT_FILENO);
  if (program.error_stream == ErrorStream::discarded) actions.place(-1, STDERR_FILENO);
  int first_closed = kExtraDescriptor;
  if (program.extra >= 0) actions.place(program.extra, first_closed++);
  posix_spawn_file_actions_addclosefrom_np(actions.get(), first_closed);
  posix_spawn_file_actions_addchdir_np(actions.get(), "/");

  std::vector<std::string> words{program.path};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  auto environment = program.environment;
  const Attributes attributes;
  pid_t pid = -1;
  const int error = posix_spawn(&pid,
                                program.path.c_str(),
                                actions.get(),
                                attributes.get(),
                                pointers(words).data(),
                                pointers(environment).data());
  if (error != 0) {
    return vault_unavailable("internal", program.path + ": " + std::strerror(error));
  }
  return Child(pid);
}

std::optional<int> Child::wait(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!*status_) {
    int status = 0;
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      *status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    } else if (ended < 0 && errno != EINTR) {
      *status_ = 0;  // Not ours to wait for: it is gone.
    } else if (std::chrono::steady_clock::now() >= deadline) {
      break;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  return *status_;
}

}  // namespace aivault::platform
