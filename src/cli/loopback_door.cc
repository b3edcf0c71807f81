#include "cli/loopback_door.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <list>
#include <utility>
#include <vector>

#include "platform/os_error.h"
#include "platform/tcp_peer.h"

namespace aivault::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxConnections = 256;
constexpr std::size_t kBuffer = std::size_t{32} << 10U;
// The daemon treats the connection as TCP from here on. Its answer comes before anything else does.
constexpr std::string_view kMark =
    "GET /aivault/health HTTP/1.1\r\nhost: 127.0.0.1\r\nx-aivault-via: tcp\r\n\r\n";
constexpr std::string_view kMarkAnswer = "{\"ok\":true}";
constexpr std::size_t kMaxMarkAnswer = 4096;

// Bytes on their way in one direction.
struct Flow {
  std::vector<char> buffer = std::vector<char>(kBuffer);
  std::size_t begin = 0, end = 0;
  bool ended = false;  // The source sends no more.
  bool told = false;   // And the target knows.

  bool is_empty() const { return begin == end; }
};

struct Pair {
  platform::Descriptor client, daemon;
  std::string mark_answer;
  bool is_marked = false;
  bool is_broken = false;
  Flow up, down;  // To the daemon, and from it.
};

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

void fill(int source, Flow& flow, bool& broken) {
  if (!flow.is_empty() || flow.ended) return;
  flow.begin = flow.end = 0;
  const auto got = ::recv(source, flow.buffer.data(), flow.buffer.size(), MSG_DONTWAIT);
  if (got > 0) flow.end = static_cast<std::size_t>(got);
  if (got == 0) flow.ended = true;
  if (got < 0 && !would_block()) broken = true;
}

void drain(int target, Flow& flow, bool& broken) {
  if (!flow.is_empty()) {
    const auto sent = ::send(target,
                             flow.buffer.data() + flow.begin,
                             flow.end - flow.begin,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) flow.begin += static_cast<std::size_t>(sent);
    if (sent < 0 && !would_block()) broken = true;
  }
  if (flow.is_empty() && flow.ended && !std::exchange(flow.told, true)) {
    ::shutdown(target, SHUT_WR);
  }
}

class Copier {
 public:
  Copier(int listening, int stopped, bool takes_all, LoopbackDoor::Dial dial)
      : listening_(listening), stopped_(stopped), takes_all_(takes_all), dial_(std::move(dial)) {}

  void run() {
    for (;;) {
      std::vector<pollfd> waiting{{.fd = stopped_, .events = POLLIN, .revents = 0},
                                  {.fd = pairs_.size() < kMaxConnections ? listening_ : -1,
                                   .events = POLLIN,
                                   .revents = 0}};
      for (const auto& pair : pairs_) add(pair, waiting);
      if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
      if (waiting[0].revents != 0) return;
      for (auto& pair : pairs_) move(pair);
      pairs_.remove_if(
          [](const Pair& pair) { return pair.is_broken || (pair.up.told && pair.down.told); });
      if (waiting[1].revents != 0) accept();
    }
  }

 private:
  // Reads where there is room, writes where there is something.
  static void add(const Pair& pair, std::vector<pollfd>& waiting) {
    const auto events = [](const Flow& reads, const Flow& writes, bool may_read) {
      short wanted = 0;
      if (may_read && reads.is_empty() && !reads.ended) wanted |= POLLIN;
      if (!writes.is_empty()) wanted |= POLLOUT;
      return wanted;
    };
    const auto client = events(pair.up, pair.down, pair.is_marked);
    const auto daemon =
        pair.is_marked ? events(pair.down, pair.up, true) : static_cast<short>(POLLIN);
    // A side of which nothing is wanted would wake us for nothing once it has hung up.
    waiting.push_back({.fd = client != 0 ? pair.client.get() : -1, .events = client, .revents = 0});
    waiting.push_back({.fd = daemon != 0 ? pair.daemon.get() : -1, .events = daemon, .revents = 0});
  }

  static void move(Pair& pair) {
    if (!pair.is_marked) {
      read_mark_answer(pair);
      return;
    }
    fill(pair.client.get(), pair.up, pair.is_broken);
    drain(pair.daemon.get(), pair.up, pair.is_broken);
    fill(pair.daemon.get(), pair.down, pair.is_broken);
    drain(pair.client.get(), pair.down, pair.is_broken);
  }

  static void read_mark_answer(Pair& pair) {
    std::array<char, 512> piece{};
    const auto got = ::recv(pair.daemon.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && !would_block())) pair.is_broken = true;
    if (got <= 0) return;
    pair.mark_answer.append(piece.data(), static_cast<std::size_t>(got));
    if (pair.mark_answer.size() > kMaxMarkAnswer) pair.is_broken = true;
    pair.is_marked =
        pair.mark_answer.starts_with("HTTP/1.1 200 ") && pair.mark_answer.ends_with(kMarkAnswer);
  }

  void accept() {
    platform::Descriptor client(
        ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    // Other users of this machine reach the port as well.
    if (!takes_all_ && platform::uid_of_tcp_peer(client.get()) != std::int64_t{::geteuid()}) return;
    const int on = 1;
    ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto daemon = dial_();
    if (!daemon || ::fcntl(daemon.get(), F_SETFL, O_NONBLOCK) != 0) return;
    const auto sent = ::send(daemon.get(), kMark.data(), kMark.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(kMark.size())) return;
    pairs_.emplace_back();
    pairs_.back().client = std::move(client);
    pairs_.back().daemon = std::move(daemon);
  }

  int listening_, stopped_;
  bool takes_all_;
  LoopbackDoor::Dial dial_;
  std::list<Pair> pairs_;
};

tl::unexpected<Error> no_listener() {
  return vault_unavailable("internal", "cannot listen on 127.0.0.1: " + platform::os_text(errno));
}

}  // namespace

Result<std::unique_ptr<LoopbackDoor>> LoopbackDoor::open() {
  platform::Descriptor listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  const int ttl = 1;
  if (!listening || ::bind(listening.get(), name, size) != 0 ||
      ::setsockopt(listening.get(), IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) != 0 ||
      ::listen(listening.get(), 64) != 0 || ::getsockname(listening.get(), name, &size) != 0) {
    return no_listener();
  }
  std::unique_ptr<LoopbackDoor> door(
      new LoopbackDoor(std::move(listening), ntohs(address.sin_port), Guests::of_our_uid));
  TRY(door->prepare_to_stop());
  return door;
}

Result<std::unique_ptr<LoopbackDoor>> LoopbackDoor::adopt(platform::Descriptor listening,
                                                          std::uint16_t port) {
  std::unique_ptr<LoopbackDoor> door(new LoopbackDoor(std::move(listening), port, Guests::all));
  TRY(door->prepare_to_stop());
  return door;
}

Result<void> LoopbackDoor::prepare_to_stop() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return no_listener();
  stopped_.reset(ends[0]);
  stop_.reset(ends[1]);
  return {};
}

void LoopbackDoor::serve(Dial dial) {
  thread_ = std::thread([listening = listening_.get(),
                         stopped = stopped_.get(),
                         takes_all = guests_ == Guests::all,
                         dial = std::move(dial)]() mutable {
    Copier(listening, stopped, takes_all, std::move(dial)).run();
  });
}

LoopbackDoor::~LoopbackDoor() {
  stop_.reset();
  if (thread_.joinable()) thread_.join();
}

}  // namespace aivault::cli
