// SocketRelay: a WebSocket between a caller and an upstream. Each direction reads, judges and
// writes a piece at a time, so that a slow reader slows down its writer and nothing piles up; a
// third coroutine, run(), waits for whatever ends the relay and then closes both ends in bounded
// time. Pings and pongs pass like messages, in order; so do close codes, with their reasons
// scrubbed. Thread: the event loop. Errors: upstream_unreachable connection_lost | protocol |
// timeout_idle | timeout_total, policy_violation body_too_large | response_too_large |
// concurrency_limit, invalid_request http_syntax, vault_unavailable shutting_down, and those of a
// withdrawal.
#pragma once

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "broker/answer_messages.h"
#include "broker/call.h"
#include "broker/records.h"
#include "broker/running_calls.h"
#include "http/websocket.h"
#include "registry/auth_spec.h"
#include "upstream/exchange.h"

namespace aivault::broker {

class SocketRelay final : public Answer, public Socket {
 public:
  // What was opened, and how it is to be treated.
  struct Opened {
    upstream::Exchange::Upgraded upstream;
    upstream::ResponseHead head;
    registry::AuthSpec auth;
    http::Headers own_headers;
    std::shared_ptr<const policy::ScrubForms> forms;
    policy::CallLimits limits;
    std::shared_ptr<const policy::BlocklistRules> blocked;  // Of the limits; nullptr: nothing is.
    AnswerMessages::Scrub scrub = AnswerMessages::Scrub::all;
    std::uint64_t max_message = 0;
    std::chrono::milliseconds idle{0};
    std::optional<std::chrono::milliseconds> lifetime;
    std::string peer;  // For messages.
  };
  SocketRelay(boost::asio::any_io_executor executor,
              Opened opened,
              EndRecord record,
              RunningCalls::Ticket ticket);
  ~SocketRelay() override;

  int status() const override { return opened_.head.status; }
  const http::Headers& headers() const override { return headers_; }
  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }
  boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override;
  Socket* socket() override { return this; }

  const std::string& protocol() const override { return opened_.upstream.protocol; }
  boost::asio::awaitable<Result<void>> run(CallerStream& caller) override;
  void drain() override;
  SocketBytes bytes() const override { return {from_caller_, messages_.bytes()}; }

 private:
  using Clock = std::chrono::steady_clock;
  using Piece = http::websocket::FrameReader::Piece;
  using Close = http::websocket::Close;

  // One direction: from one end to the other.
  struct Flow {
    Flow(http::websocket::FrameReader::Peer from, std::uint64_t max_message)
        : reader(from, max_message) {}
    http::websocket::FrameReader reader;
    bool running = false;
    std::size_t held = kQuietSocket / 2;  // Bytes of memory, of the caller's share.
    bool writing = false;                 // In the middle of a write to the other end.
    Clock::time_point write_began;
    std::optional<Close> close;      // What its source closed with.
    bool ended = false;              // Its source ended without that.
    std::optional<Error> error;      // What is wrong with what its source sent,
    std::uint16_t code = 0;          // and the close code that says so.
    bool lost_target = false;        // Nobody takes what is written.
    Clock::time_point second_began;  // Control frames are counted by the second.
    unsigned controls = 0;
    std::exception_ptr thrown;
  };
  // How both ends are told that it is over.
  struct Farewell {
    Close to_caller, to_upstream;
    std::optional<Error> error;
  };

  void start(Flow& flow);
  boost::asio::awaitable<void> pump(Flow& flow);
  boost::asio::awaitable<std::size_t> read_from(const Flow& flow, std::span<char> into);
  boost::asio::awaitable<bool> write_to(Flow& flow, const std::string& frames);
  Result<void> hold(Flow& flow, std::size_t bytes);
  std::size_t room_after(Flow& flow, std::size_t got, std::size_t room);
  boost::asio::awaitable<bool> pass_on(Flow& flow, std::span<char>& in, std::size_t room);
  void take(Flow& flow, std::span<char>& in, std::string& frames);
  void take_piece(Flow& flow, const Piece& piece, std::string& frames);
  void pass_control(Flow& flow, const Piece& piece, std::string& frames);
  void refuse(Flow& flow, std::uint16_t code, Error why);
  bool is_over() const;
  boost::asio::awaitable<void> wait_until_over();
  std::optional<Error> time_is_up(Clock::time_point now) const;
  boost::asio::awaitable<void> wait_for_close(const Flow& flow);
  boost::asio::awaitable<Farewell> close_after(Flow& closed, Flow& other);
  Farewell farewell_to_all();
  boost::asio::awaitable<void> say_farewell(Farewell farewell);
  boost::asio::awaitable<void> send_close(Flow& writer, const Close& close);
  boost::asio::awaitable<void> stop_flows();
  void interrupt_all();
  Result<void> finish_record(const std::optional<Error>& error);
  bool is_from_caller(const Flow& flow) const { return &flow == &up_; }
  Flow& other_than(const Flow& flow) { return is_from_caller(flow) ? down_ : up_; }
  Error lost() const;

  boost::asio::any_io_executor executor_;
  Opened opened_;
  http::Headers headers_;
  AnswerMessages messages_;
  Flow up_, down_;
  std::uint64_t from_caller_ = 0;
  CallerStream* caller_ = nullptr;
  boost::asio::steady_timer wake_;  // Of run().
  boost::asio::steady_timer last_;  // The time that closing may take.
  Clock::time_point active_, opened_at_;
  bool stopping_ = false;          // No flow passes anything on any more.
  bool cancelled_ = false;         // The caller is gone.
  std::optional<Error> ended_by_;  // Time, a withdrawal or the daemon's end.
  std::uint16_t ended_code_ = 0;
  EndRecord record_;
  RunningCalls::Ticket ticket_;
};

}  // namespace aivault::broker
