#include "platform/foreground.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>

#include "platform/descriptor.h"

namespace aivault::platform {
namespace {

constexpr std::array kForwarded = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

std::atomic<pid_t> forward_to{0};

// The terminal's own signals reach the whole process group, the program among it.
void forward(int signal, siginfo_t* info, void* /*context*/) {
  const int kept = errno;
  const pid_t pid = forward_to.load();
  const bool by_somebody =
      info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL;
  if (pid > 0 && by_somebody && info->si_pid != pid) ::kill(pid, signal);
  errno = kept;
}

void forward_signals() {
  struct sigaction action{};
  action.sa_sigaction = forward;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : kForwarded) sigaction(signal, &action, nullptr);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::string search_path(const std::vector<std::string>& environment) {
  constexpr std::string_view kPath = "PATH=";
  for (const auto& variable : environment) {
    if (variable.starts_with(kPath)) return variable.substr(kPath.size());
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

// Where the program may be, in order.
std::vector<std::string> places_of(const std::string& name,
                                   const std::vector<std::string>& environment) {
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> places;
  const auto path = search_path(environment);
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    const auto directory = path.substr(begin, end - begin);
    places.push_back(directory.empty() ? name : directory + '/' + name);
    begin = end + 1;
  }
  return places;
}

[[noreturn]] void give_up(int report, int error) {
  while (::write(report, &error, sizeof error) < 0 && errno == EINTR) {
  }
  ::_exit(1);
}

void prepare_or_give_up(const Foreground::Prepare& prepare, int report) {
  if (!prepare()) give_up(report, ECANCELED);
  if (::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up(report, errno);
}

// In the child, between fork and exec: only calls that are safe there, unless there was one thread.
[[noreturn]] void become(const Foreground::Prepare& prepare,
                         const std::vector<std::string>& places,
                         char* const* words,
                         char* const* environment,
                         pid_t parent,
                         int report) {
  for (const int signal : kForwarded) (void)::signal(signal, SIG_DFL);
  (void)::signal(SIGPIPE, SIG_DFL);
  if (prepare) prepare_or_give_up(prepare, report);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  int error = ENOENT;
  for (const auto& place : places) {
    ::execve(place.c_str(), words, environment);
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  give_up(report, error);
}

}  // namespace

tl::expected<Foreground, NotStarted> Foreground::start(std::vector<std::string> words,
                                                       std::vector<std::string> environment,
                                                       const Prepare& prepare) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(NotStarted{errno});
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const auto places = places_of(words.front(), environment);
  const auto arguments = pointers(words);
  const auto variables = pointers(environment);
  forward_signals();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return tl::unexpected(NotStarted{errno});
  if (pid == 0) become(prepare, places, arguments.data(), variables.data(), parent, writing.get());
  forward_to = pid;
  writing.reset();
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(reading.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof error) return Foreground(pid);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  forward_to = 0;
  return tl::unexpected(NotStarted{error});
}

int Foreground::wait() {
  constexpr int kBySignal = 128;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return 1;
  }
  forward_to = 0;
  return WIFSIGNALED(status) ? kBySignal + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace aivault::platform
