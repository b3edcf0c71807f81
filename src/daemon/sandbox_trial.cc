#include "daemon/sandbox_trial.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sandbox_paths.h"
#include "json/write.h"
#include "platform/descriptor.h"
#include "platform/hardening.h"
#include "sandbox/sandbox.h"
#include "vault/slot.h"

namespace aivault::daemon {
namespace {

// Which layer a test needs; without it the test is skipped, and says so.
enum class Layer : unsigned char { none, landlock, system_calls };

struct Stage {
  std::string directory;  // Of the empty vault.
  pid_t parent = -1;
  in_port_t port = 0;  // Where the parent listens, in network order.
};

// What came of it: 0, or an errno.
using Attempt = int (*)(const Stage&);
struct Test {
  std::string_view id;
  Layer layer;
  int expected;
  Attempt attempt;
};

int outcome(long result) { return result < 0 ? errno : 0; }

int open_file(const char* path, int flags) {
  const platform::Descriptor file(::open(path, flags | O_CLOEXEC, 0600));
  return file ? 0 : errno;
}

int make_socket(int family, int type) {
  const platform::Descriptor socket(::socket(family, type | SOCK_CLOEXEC, 0));
  return socket ? 0 : errno;
}

int execute(const Stage&) {
  std::array<char*, 1> nothing{nullptr};
  return outcome(::execve("/bin/true", nothing.data(), nothing.data()));
}

int map_writable_and_executable(const Stage&) {
  void* memory =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? errno : 0;
}

int make_executable(const Stage&) {
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  return outcome(::mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

int read_memory_of_parent(const Stage& stage) {
  int value = 0;
  const iovec local{&value, sizeof value};
  const iovec remote{&value, sizeof value};
  return outcome(::syscall(SYS_process_vm_readv, stage.parent, &local, 1, &remote, 1, 0));
}

int read_environment_of_parent(const Stage& stage) {
  const auto path = "/proc/" + std::to_string(stage.parent) + "/environ";
  return open_file(path.c_str(), O_RDONLY);
}

int listen_elsewhere(const Stage&) {
  const platform::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return outcome(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
}

int dump_core(const Stage&) {
  rlimit limit{};
  ::getrlimit(RLIMIT_CORE, &limit);
  return limit.rlim_max == 0 ? EPERM : 0;
}

int connect_to_parent(const Stage& stage) {
  const platform::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = stage.port;
  return outcome(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
}

int resolve(const Stage&) {
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo("localhost", "443", nullptr, &found);
  if (failed != 0) return EHOSTUNREACH;
  ::freeaddrinfo(found);
  return 0;
}

vault::Options options_of(const Stage& stage) {
  vault::Options options;
  options.location = {stage.directory + "/vault", stage.directory + "/kek.key"};
  return options;
}

int use_vault(const Stage& stage) {
  vault::Slot slot(options_of(stage));
  const auto vault = slot.get_or_create();
  return vault ? 0 : EIO;
}

int write_audit(const Stage& stage) {
  vault::Slot slot(options_of(stage));
  const auto vault = slot.get_or_create();
  if (!vault) return EIO;
  audit::Event event;
  event.kind = "daemon.start";
  event.actor = "daemon";
  auto done = std::make_shared<bool>(false);
  (*vault)->record(std::move(event),
                   [done](const Result<void>& written) { *done = written.has_value(); });
  slot.close();
  return *done ? 0 : EIO;
}

constexpr auto kTests = std::to_array<Test>({
    {"execve", Layer::system_calls, EPERM, execute},
    {"ptrace",
     Layer::system_calls,
     EPERM,
     [](const Stage& s) { return outcome(::ptrace(PTRACE_ATTACH, s.parent, nullptr, nullptr)); }},
    {"process-memory", Layer::system_calls, EPERM, read_memory_of_parent},
    {"process-environment", Layer::landlock, EACCES, read_environment_of_parent},
    {"read-shadow",
     Layer::landlock,
     EACCES,
     [](const Stage&) { return open_file("/etc/shadow", O_RDONLY); }},
    {"read-root-home",
     Layer::landlock,
     EACCES,
     [](const Stage&) { return open_file("/root", O_RDONLY | O_DIRECTORY); }},
    {"read-homes",
     Layer::landlock,
     EACCES,
     [](const Stage&) { return open_file("/home", O_RDONLY | O_DIRECTORY); }},
    {"write-etc",
     Layer::landlock,
     EACCES,
     [](const Stage&) { return open_file("/etc/aivault-test", O_WRONLY | O_CREAT | O_EXCL); }},
    {"write-tmp",
     Layer::landlock,
     EACCES,
     [](const Stage&) { return open_file("/tmp/aivault-test", O_WRONLY | O_CREAT | O_EXCL); }},
    {"write-shm",
     Layer::landlock,
     EACCES,
     [](const Stage&) { return open_file("/dev/shm/aivault-test", O_WRONLY | O_CREAT | O_EXCL); }},
    {"packet-socket",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return make_socket(AF_PACKET, SOCK_RAW); }},
    {"netlink-socket",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return make_socket(AF_NETLINK, SOCK_RAW); }},
    {"vsock-socket",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return make_socket(AF_VSOCK, SOCK_STREAM); }},
    {"listen-tcp", Layer::system_calls, EPERM, listen_elsewhere},
    {"io-uring",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return outcome(::syscall(SYS_io_uring_setup, 1, nullptr)); }},
    {"bpf",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return outcome(::syscall(SYS_bpf, 0, nullptr, 0)); }},
    {"perf-event",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return outcome(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)); }},
    {"userfaultfd",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return outcome(::syscall(SYS_userfaultfd, 0)); }},
    {"keyctl",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return outcome(::syscall(SYS_keyctl, 0, 0, 0, 0, 0)); }},
    {"mount",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return outcome(::mount("none", "/mnt", "tmpfs", 0, nullptr)); }},
    {"unshare",
     Layer::system_calls,
     EPERM,
     [](const Stage&) { return outcome(::unshare(CLONE_NEWUSER)); }},
    {"setuid", Layer::system_calls, EPERM, [](const Stage&) { return outcome(::setuid(0)); }},
    {"writable-code", Layer::system_calls, EPERM, map_writable_and_executable},
    {"new-code", Layer::system_calls, EPERM, make_executable},
    {"signal",
     Layer::system_calls,
     EPERM,
     [](const Stage& s) { return outcome(::kill(s.parent, SIGCONT)); }},
    {"core-dump", Layer::none, EPERM, dump_core},
    {"open-vault", Layer::none, 0, use_vault},
    {"write-audit", Layer::none, 0, write_audit},
    {"resolve", Layer::none, 0, resolve},
    {"connect", Layer::none, 0, connect_to_parent},
});

std::string name_of_error(int error) {
  if (error == 0) return "OK";
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

// As a daemon starts, with the vault in the stage's directory.
Result<void> enter(const Stage& stage) {
  Settings settings;
  settings.vault = options_of(stage);
  settings.socket = stage.directory + "/aivaultd.sock";
  TRY(platform::drop_privileges(std::nullopt));
  platform::raise_limits();
  return sandbox::enter(sandbox_paths(settings), sandbox::Files::restricted);
}

constexpr int kNoSandbox = -1;
constexpr int kDied = -2;

int run_in_child(const Test& test, const Stage& stage) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return kDied;
  const platform::Descriptor reading(ends[0]);
  platform::Descriptor writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    int result = kNoSandbox;
    if (enter(stage)) result = test.attempt(stage);
    const auto put = ::write(writing.get(), &result, sizeof result);
    ::_exit(put == sizeof result ? 0 : 1);
  }
  writing.reset();
  int result = kDied;
  if (::read(reading.get(), &result, sizeof result) != sizeof result) result = kDied;
  int status = 0;
  ::waitpid(child, &status, 0);
  return result;
}

bool is_available(Layer layer) {
  const auto report = sandbox::report();
  if (layer == Layer::none) return true;
  if (!sandbox::is_built_in()) return false;
  const auto state = layer == Layer::landlock ? report.landlock : report.seccomp;
  return state != sandbox::State::unavailable;
}

json::Value judge(const Test& test, const Stage& stage, bool& failed) {
  std::string got = "skipped";
  std::string_view result = "skip";
  if (is_available(test.layer)) {
    const int found = run_in_child(test, stage);
    got = found == kNoSandbox ? "no sandbox" : found == kDied ? "died" : name_of_error(found);
    result = found == test.expected ? "pass" : "fail";
    failed = failed || found != test.expected;
  } else {
    got = sandbox::is_built_in() ? "the kernel has no such layer" : "a build with sanitizers";
  }
  return json::Value::object({{"expected", name_of_error(test.expected)},
                              {"got", got},
                              {"id", test.id},
                              {"result", result}});
}

// Something to connect to, at a port of the kernel's choice.
platform::Descriptor listen_on_loopback(in_port_t& port) {
  platform::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (!socket || ::bind(socket.get(), raw, size) != 0 || ::listen(socket.get(), 1) != 0 ||
      ::getsockname(socket.get(), raw, &size) != 0) {
    return {};
  }
  port = address.sin_port;
  return socket;
}

}  // namespace

int test_sandbox() {
  auto directory = (std::filesystem::temp_directory_path() / "aivault-self-test.XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) {
    std::perror("cannot make a temporary directory");
    return 1;
  }
  Stage stage{.directory = directory, .parent = ::getpid()};
  const auto listening = listen_on_loopback(stage.port);
  bool failed = false;
  auto tests = json::Value::array();
  for (const auto& test : kTests) tests.push(judge(test, stage, failed));
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  const auto report = json::Value::object({{"ok", !failed}, {"tests", std::move(tests)}});
  const auto text = json::pretty(report, json::Order::alphabetical);
  (void)std::fwrite(text.data(), 1, text.size(), stdout);
  return failed ? 1 : 0;
}

}  // namespace aivault::daemon
