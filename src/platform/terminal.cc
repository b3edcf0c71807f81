#include "platform/terminal.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/encoding.h"
#include "base/wipe.h"
#include "platform/descriptor.h"

namespace aivault::platform {
namespace {

volatile std::sig_atomic_t caught_signal = 0;
void remember(int signal) { caught_signal = signal; }

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

// While it lives, a signal only interrupts the read.
class SignalsHeld {
 public:
  SignalsHeld() {
    caught_signal = 0;
    struct sigaction action{};
    action.sa_handler = remember;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &old_[i]);
  }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &old_[i], nullptr);
  }

 private:
  std::array<struct sigaction, kSignals.size()> old_{};
};

class EchoOff {
 public:
  explicit EchoOff(int terminal) : terminal_(terminal) {
    if (tcgetattr(terminal, &old_) != 0) return;
    termios silent = old_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    done_ = tcsetattr(terminal, TCSAFLUSH, &silent) == 0;
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  ~EchoOff() {
    if (done_) tcsetattr(terminal_, TCSAFLUSH, &old_);
  }
  bool done() const { return done_; }

 private:
  int terminal_;
  termios old_{};
  bool done_ = false;
};

// One line of a terminal in line mode is at most 4,095 bytes.
struct Line {
  std::array<char, 4096> bytes{};
  std::size_t size = 0;

  Line() = default;
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() { wipe(bytes.data(), bytes.size()); }
};

bool put(int terminal, std::string_view text) {
  return write(terminal, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// False: a signal came first.
bool read_line(int terminal, Line& line) {
  while (line.size < line.bytes.size()) {
    char c = 0;
    const auto got = read(terminal, &c, 1);
    if (got < 0 && errno == EINTR) {
      if (caught_signal != 0) return false;
      continue;
    }
    if (got <= 0 || c == '\n') break;
    line.bytes[line.size++] = c;
  }
  return true;
}

std::size_t sequence_length(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 1;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::string hex_escape(char c) { return "\\x" + hex(bytes_of({&c, 1})); }

// One whole character of several bytes.
void append_sequence(std::string& out, std::string_view bytes) {
  const auto at = [bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() == 2 && at(0) == 0xC2 && at(1) < 0xA0) {
    out += hex_escape(bytes[1]);
    return;
  }
  if (bytes.size() == 3 && at(0) == 0xE2) {
    const unsigned code = 0x2000U + ((at(1) & 0x3FU) << 6U) + (at(2) & 0x3FU);
    if ((code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069)) {
      const std::array<char, 2> big{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
      out += "\\u{" + hex(bytes_of({big.data(), big.size()})) + "}";
      return;
    }
  }
  out += bytes;
}

}  // namespace

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

Result<Secret> prompt_hidden(std::string_view prompt) {
  while (true) {
    const Descriptor terminal(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!terminal) {
      return invalid_request("no_terminal",
                             std::string("no terminal to ask on: ") + std::strerror(errno));
    }
    Line line;
    bool complete = false;
    {
      const SignalsHeld signals;
      const EchoOff echo(terminal.get());
      if (!echo.done()) return invalid_request("no_terminal", "the terminal cannot hide its input");
      complete =
          put(terminal.get(), escape_for_terminal(prompt)) && read_line(terminal.get(), line);
      put(terminal.get(), "\n");
    }
    if (complete || caught_signal == 0) {
      return Secret::copy_of(std::string_view(line.bytes.data(), line.size));
    }
    raise(caught_signal);  // Ends the program, unless it was a stop that has been continued.
  }
}

std::string TerminalEscaper::feed(std::string_view piece) {
  std::string joined;
  if (!pending_.empty()) {
    joined = std::exchange(pending_, {});
    joined += piece;
    piece = joined;
  }
  std::string out;
  out.reserve(piece.size());
  for (std::size_t i = 0; i < piece.size();) {
    const char c = piece[i];
    const auto byte = static_cast<unsigned char>(c);
    const std::size_t length = sequence_length(byte);
    std::size_t there = 1;
    while (there < length && i + there < piece.size() && is_continuation(piece[i + there])) ++there;
    if (there < length && i + there == piece.size()) {
      pending_ = piece.substr(i);
      break;
    }
    if (length > 1 && there == length) {
      append_sequence(out, piece.substr(i, length));
      i += length;
      continue;
    }
    const bool control = (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7F;
    const bool stray_c1 = byte >= 0x80 && byte < 0xA0;
    if (control || stray_c1) {
      out += hex_escape(c);
    } else {
      out += c;
    }
    ++i;
  }
  return out;
}

std::string TerminalEscaper::finish() {
  std::string out;
  for (const char c : std::exchange(pending_, {})) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xA0) {
      out += hex_escape(c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string escape_for_terminal(std::string_view text) {
  TerminalEscaper escaper;
  auto out = escaper.feed(text);
  return out + escaper.finish();
}

}  // namespace aivault::platform
