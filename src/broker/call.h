// Call: one request of a caller as a door hands it to the broker, and the answer as it streams
// back. Every door uses these.
// Thread: the event loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "base/secret.h"
#include "broker/socket.h"
#include "catalog/authority.h"
#include "http/message.h"
#include "protocol/envelope.h"
#include "upstream/body_source.h"
#include "vault/scope.h"

namespace aivault::broker {

// The way a request came in. Agents use the shared socket or TCP, whoever they are.
enum class Door : std::uint8_t { operator_socket, agent_socket, tcp, private_child };

// Who calls, as the kernel says. Decided once per connection.
struct Caller {
  std::int64_t uid = -1, pid = 0;
  std::string user, exe, unit;
  bool is_operator = false;
  Door door = Door::operator_socket;
};

// What decides about the caller: only at some doors is the operator's uid the operator.
catalog::Asker asker_of(const Caller& caller);

struct Call {
  Caller caller;
  std::shared_ptr<const Secret> token;  // As presented; nullptr: none was.
  std::string request_id;
  protocol::Envelope envelope;
  // A vendor's native request, for this credential or provider: the capability is found by method
  // and path. The envelope has neither capability nor credential then.
  std::optional<std::string> account;
  std::string workspace, group;          // As stated; judged by the broker (row 6).
  std::optional<std::string> client_ip;  // Checked (row 2) and otherwise ignored.
  std::optional<std::chrono::milliseconds> timeout;
  bool complete_missing = false;              // x-aivault-complete: 1
  upstream::BodySource* announced = nullptr;  // The bytes that follow the envelope; or nullptr.
  // Called once when the call begins to wait for the operator, with the id of the approval. What it
  // returns is kept as long as the wait lasts.
  std::function<std::shared_ptr<void>(std::string_view)> on_approval;
  // The request, a GET, is to open a WebSocket with one of these subprotocols.
  std::optional<std::vector<std::string>> upgrade{};
};

// The sanitised, scrubbed answer. Destroying it before its end cancels the upstream exchange and
// writes the end record.
class Answer {
 public:
  virtual ~Answer() = default;
  virtual int status() const = 0;
  // Visible upstream headers, then x-aivault-capability, -credential, -method, -url.
  virtual const http::Headers& headers() const = 0;
  // Set when it is known to be right for the bytes that read() gives.
  virtual std::optional<std::uint64_t> content_length() const = 0;
  // 0: the valid end; by then the end record is on its way.
  virtual boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) = 0;
  // With status 101: what was opened; it ends with this. nullptr: a plain answer.
  virtual Socket* socket() { return nullptr; }
};

}  // namespace aivault::broker
