// aivault_load: N keep-alive connections, each sending one request after another to a unix
// socket, for comparing servers under the same client. Prints one JSON object.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Worker {
  std::vector<double> microseconds;
  std::size_t errors = 0;
};

int connect_to(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (fd < 0 || path.size() >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

bool send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// One answer of 2xx with a length or chunks; false: anything else.
bool read_answer(int fd, std::string& buffer) {
  buffer.clear();
  std::size_t head = std::string::npos;
  std::size_t total = 0;
  bool chunked = false;
  char piece[32768];
  for (;;) {
    if (head == std::string::npos) {
      head = buffer.find("\r\n\r\n");
      if (head != std::string::npos) {
        const std::string lower = [&] {
          std::string text = buffer.substr(0, head);
          std::ranges::transform(
              text, text.begin(), [](unsigned char c) { return std::tolower(c); });
          return text;
        }();
        if (lower.compare(0, 10, "http/1.1 2") != 0) return false;
        chunked = lower.find("transfer-encoding: chunked") != std::string::npos;
        const auto length = lower.find("content-length: ");
        if (!chunked && length == std::string::npos) return false;
        if (!chunked) {
          total = head + 4 + std::strtoull(lower.c_str() + length + 16, nullptr, 10);
        }
      }
    }
    if (head != std::string::npos) {
      if (chunked && buffer.ends_with("0\r\n\r\n")) return true;
      if (!chunked && buffer.size() >= total) return true;
    }
    const auto got = ::recv(fd, piece, sizeof piece, 0);
    if (got <= 0) return false;
    buffer.append(piece, static_cast<std::size_t>(got));
  }
}

void work(const std::string& path,
          const std::string& request,
          std::atomic<long>& left,
          Worker& result) {
  const int fd = connect_to(path);
  if (fd < 0) {
    ++result.errors;
    return;
  }
  std::string buffer;
  while (left.fetch_sub(1) > 0) {
    const auto begin = Clock::now();
    if (!send_all(fd, request) || !read_answer(fd, buffer)) {
      ++result.errors;
      break;
    }
    result.microseconds.push_back(
        std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: aivault_load SOCKET REQUEST-FILE CONNECTIONS REQUESTS\n", stderr);
    return 2;
  }
  const std::string path = argv[1];
  std::ifstream file(argv[2], std::ios::binary);
  const std::string request((std::istreambuf_iterator<char>(file)), {});
  const auto connections = static_cast<std::size_t>(std::strtoul(argv[3], nullptr, 10));
  std::atomic<long> left = std::strtol(argv[4], nullptr, 10);
  std::vector<Worker> workers(connections);
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  for (auto& worker : workers) {
    threads.emplace_back(
        work, std::cref(path), std::cref(request), std::ref(left), std::ref(worker));
  }
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<double> all;
  std::size_t errors = 0;
  for (const auto& worker : workers) {
    all.insert(all.end(), worker.microseconds.begin(), worker.microseconds.end());
    errors += worker.errors;
  }
  std::ranges::sort(all);
  const auto at = [&](double share) {
    if (all.empty()) return 0.0;
    return all[std::min(all.size() - 1,
                        static_cast<std::size_t>(share * static_cast<double>(all.size())))];
  };
  std::printf(
      "{\"requests\":%zu,\"errors\":%zu,\"seconds\":%.3f,\"perSecond\":%.0f,\"p50us\":%.0f,"
      "\"p99us\":%.0f}\n",
      all.size(),
      errors,
      seconds,
      static_cast<double>(all.size()) / seconds,
      at(0.5),
      at(0.99));
  return errors == 0 ? 0 : 1;
}
