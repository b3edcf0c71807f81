// LoginState: the random word that a redirect must bring back, once and in time.
// Thread: one object belongs to one thread; the clock is an argument. Source: RFC 6749 10.12.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aivault::tokens {

class LoginState {
 public:
  using Time = std::chrono::steady_clock::time_point;
  LoginState(std::array<std::byte, 32> random, Time end);

  const std::string& text() const { return text_; }
  Time end() const { return end_; }

  // wrong leaves everything as it was; right is said once.
  enum class Verdict : std::uint8_t { right, wrong, used, late };
  Verdict take(std::string_view shown, Time now);

 private:
  std::string text_;
  Time end_;
  bool used_ = false;
};

}  // namespace aivault::tokens
