// RedirectReceiver: the one page of a login: takes the browser's redirect on 127.0.0.1, from
// nobody but this user, and answers with plain words.
// Thread: one. Source: RFC 8252 section 7.3. Errors: invalid_request (the port cannot be had).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "platform/descriptor.h"

namespace aivault::cli {

// The query of a redirect.
struct RedirectQuery {
  Secret code;
  std::string state, error;
  std::optional<std::string> iss;
};
// nullopt: the request is none of this page: another method, path or host, or it names a
// parameter twice. `port`: ours.
std::optional<RedirectQuery> read_redirect(std::string_view head, std::uint16_t port);

class RedirectReceiver {
 public:
  // 0: any free port.
  static Result<RedirectReceiver> listen(std::uint16_t port);
  RedirectReceiver(RedirectReceiver&&) = default;
  RedirectReceiver& operator=(RedirectReceiver&&) = default;
  RedirectReceiver(const RedirectReceiver&) = delete;
  RedirectReceiver& operator=(const RedirectReceiver&) = delete;
  ~RedirectReceiver();

  std::string redirect_uri() const;

  struct Visit {
    platform::Descriptor connection;
    RedirectQuery query;
  };
  // nullopt: no redirect came within the limit. What is none is answered here.
  std::optional<Visit> wait(std::chrono::milliseconds limit);
  // The page: a line of plain text.
  static void answer(const Visit& visit, int status, std::string_view text);

 private:
  struct Guest {
    platform::Descriptor connection;
    std::string received;
    std::chrono::steady_clock::time_point until;
  };
  RedirectReceiver(platform::Descriptor listener, std::uint16_t port)
      : listener_(std::move(listener)), port_(port) {}
  void admit();
  // True: nothing more is to be expected of this guest.
  bool hear(Guest& guest, std::optional<Visit>& visit) const;

  platform::Descriptor listener_;
  std::uint16_t port_;
  std::vector<Guest> guests_;
};

}  // namespace aivault::cli
