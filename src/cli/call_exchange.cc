#include "cli/call_exchange.h"

#include <poll.h>

#include <array>
#include <cerrno>

#include "cli/outcome.h"
#include "protocol/error_body.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

constexpr std::chrono::milliseconds kNoLimit{-1};  // The daemon has deadlines for calls.
constexpr std::size_t kMaxErrorBody = std::size_t{1} << 20U;

Error with_text(Error error) {
  error.message = protocol::to_text(error);
  return error;
}

auto invalid(std::string detail) {
  return invalid_request(std::string(kInvalidResponse), std::move(detail));
}
auto lost() { return vault_unavailable(std::string(kConnectionLost), "the connection was closed"); }

// The outcome that follows the body; an end without one is a lost connection.
Result<void> judge(const http::ResponseHead& head, const http::Headers& trailers) {
  if (head.framing == http::Framing::none) return {};  // 204 and 304 have no room for one.
  auto outcome = judge_outcome(trailers);
  if (outcome) return {};
  const auto& reason = outcome.error().reason;
  if (reason == kConnectionLost || reason == kInvalidResponse) return outcome;
  return fail(with_text(std::move(outcome).error()));
}

class CallExchange {
 public:
  CallExchange(Acknowledged& daemon, BodyInput& body, AnswerSink& sink, CallNotices* notices)
      : connection_(*daemon.reached.connection),
        answer_(daemon.answer),
        body_(body),
        sink_(sink),
        notices_(notices),
        sending_(answer_.was_continue()),
        have_head_(!answer_.was_continue()) {}

  Result<http::ResponseHead> run() {
    if (have_head_) TRY(begin_answer());
    while (true) {
      TRY_ASSIGN(const bool done, take_received());
      if (done) break;
      TRY(wait());
    }
    if (is_refusal_) {
      auto error = protocol::error_from_json(refusal_);
      if (error) return fail(with_text(*std::move(error)));
      return invalid("status " + std::to_string(answer_.head().status) +
                     " without an error object");
    }
    TRY(judge(answer_.head(), answer_.trailers()));
    return answer_.head();
  }

 private:
  Result<void> begin_answer() {
    have_head_ = true;
    is_refusal_ = http::find(answer_.head().headers, protocol::kError) != nullptr;
    if (is_refusal_) return {};
    return sink_.take_head(answer_.head());
  }

  Result<void> take(std::string_view bytes) {
    if (!is_refusal_) return sink_.take(bytes);
    refusal_ += bytes;
    if (refusal_.size() > kMaxErrorBody) return invalid("error object too large");
    return {};
  }

  // True: the answer is complete.
  Result<bool> take_received() {
    if (!have_head_) {
      TRY_ASSIGN(const bool ready, answer_.read_head());
      if (answer_.approval() != approval_) {
        approval_ = answer_.approval();
        if (notices_ != nullptr) notices_->waits_for_approval(approval_);
      }
      if (!ready) return false;
      TRY(begin_answer());
    }
    while (true) {
      TRY_ASSIGN(const auto piece, answer_.next_piece());
      if (!piece.data.empty()) TRY(take(piece.data));
      if (piece.is_end) return true;
      if (piece.needs_more) return false;
    }
  }

  Result<void> fill() {
    pending_.clear();
    sent_ = 0;
    TRY(body_.fill(pending_));
    if (body_.done() && pending_.empty()) sending_ = false;
    return {};
  }

  // Waits until something can go on, and lets it.
  Result<void> wait() {
    const bool has_pending = sent_ < pending_.size();
    if (sending_ && !has_pending && body_.done()) sending_ = false;
    std::array<pollfd, 2> waiting{
        pollfd{.fd = connection_.descriptor(), .events = POLLIN, .revents = 0},
        pollfd{.fd = -1, .events = POLLIN, .revents = 0}};
    if (sending_ && has_pending) waiting[0].events |= POLLOUT;
    if (sending_ && !has_pending) {
      waiting[1].fd = body_.waits_for();
      if (waiting[1].fd < 0) return fill();
    }
    if (poll(waiting.data(), waiting.size(), -1) < 0) {
      if (errno == EINTR) return {};
      return lost();
    }
    if ((waiting[0].revents & POLLOUT) != 0) send_pending();
    if ((waiting[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) TRY(receive());
    if (waiting[1].revents != 0) return fill();
    return {};
  }

  // A daemon that takes no more has answered: its answer counts, not the failed write.
  void send_pending() {
    const auto sent = connection_.send_some(std::string_view(pending_).substr(sent_));
    if (sent) {
      sent_ += *sent;
    } else {
      sending_ = false;
    }
  }

  Result<void> receive() {
    TRY_ASSIGN(const bool more, connection_.receive(kNoLimit));
    if (!more) TRY(answer_.end_of_input());
    return {};
  }

  Connection& connection_;
  ResponseReader& answer_;
  BodyInput& body_;
  AnswerSink& sink_;
  CallNotices* notices_;
  std::string approval_;
  bool sending_;
  bool have_head_;
  bool is_refusal_ = false;
  std::string refusal_;
  std::string pending_;
  std::size_t sent_ = 0;
};

}  // namespace

Result<http::ResponseHead> exchange_call(Acknowledged& daemon,
                                         BodyInput& body,
                                         AnswerSink& sink,
                                         CallNotices* notices) {
  CallExchange exchange(daemon, body, sink, notices);
  auto head = exchange.run();
  if (head) return head;
  auto error = explain(std::move(head).error(), daemon.reached);
  if (error.reason == "vault_locked") error.message += "; run `aivault unlock`";
  return fail(std::move(error));
}

std::string to_wire(const CallHead& head) {
  std::string text =
      "POST /aivault/proxy HTTP/1.1\r\nhost: aivault\r\ncontent-type: " + head.content_type +
      "\r\n";
  text += head.content_length ? "content-length: " + std::to_string(*head.content_length)
                              : std::string("transfer-encoding: chunked");
  text += "\r\nexpect: 100-continue\r\nte: trailers\r\n";
  for (const auto& header : head.control) text += header.name + ": " + header.value + "\r\n";
  return text + "\r\n";
}

}  // namespace aivault::cli
