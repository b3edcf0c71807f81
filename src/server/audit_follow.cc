#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "admin/audit_page.h"
#include "broker/run_on.h"
#include "protocol/headers.h"
#include "server/answer_writer.h"
#include "server/turn.h"

namespace aivault::server {
namespace {

namespace asio = boost::asio;
using Pages = admin::AuditPages;
using Page = Result<Pages::Page>;

constexpr auto kLook = std::chrono::milliseconds(50);
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

std::string head_of(const Turn& turn) {
  auto head = status_line(200);
  add_header(head, "content-type", "application/x-ndjson");
  add_header(head, "cache-control", "no-store");
  add_header(head, "x-content-type-options", "nosniff");
  add_header(head, protocol::kRequestId, turn.id);
  add_header(head, "transfer-encoding", "chunked");
  add_header(head, "connection", "close");
  return head.append("\r\n");
}

// False: the peer is gone.
asio::awaitable<bool> send_text(AnswerWriter& writer, std::string text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto room = writer.room();
    const auto size = std::min(rest.size(), room.size());
    std::memcpy(room.data(), rest.data(), size);
    rest.remove_prefix(size);
    const auto sent = co_await writer.send(size, AnswerWriter::Then::more);
    if (sent != Io::ok) co_return false;
  }
  co_return true;
}

// The operator thread fetches a page; between pages it belongs to others.
asio::awaitable<Page> fetch(Turn& turn, std::shared_ptr<const Pages> pages, std::int64_t reached) {
  auto work = [pages = std::move(pages), reached, &desk = turn.core.desk]() -> Page {
    try {
      TRY_ASSIGN(const auto vault, desk.slot.get());
      if (reached < 0) vault->flush();  // What has been answered is shown.
      return reached < 0 ? pages->first(*vault) : pages->after(*vault, reached);
    } catch (const std::exception&) {
      return vault_unavailable("internal", "internal error");
    }
  };
  co_return co_await broker::run_on(turn.core.lanes.quick, std::move(work));
}

// Is there something that was not sent? A locked or broken vault has nothing new.
bool has_news(Turn& turn, std::int64_t reached) {
  const auto vault = turn.core.desk.slot.peek();
  if (!vault) return false;
  const auto head = vault->audit_head();
  return head && *head > reached;
}

// Ends when nobody listens any more or the daemon drains; true: the answer can be ended in order.
asio::awaitable<bool> follow(Turn& turn,
                             AnswerWriter& writer,
                             std::shared_ptr<const Pages> pages,
                             std::int64_t reached,
                             std::shared_ptr<bool> gone,
                             std::shared_ptr<asio::steady_timer> pause) {
  bool more = true;
  while (!turn.core.draining && !*gone) {
    if (!more && !has_news(turn, reached)) {
      pause->expires_after(kLook);
      co_await pause->async_wait(kAsTuple);
      continue;
    }
    auto page = co_await fetch(turn, pages, reached);
    more = page && page->more;
    if (!page) {
      pause->expires_after(kLook);
      co_await pause->async_wait(kAsTuple);
      continue;
    }
    reached = page->reached;
    const bool sent = co_await send_text(writer, std::move(page->lines));
    if (!sent) co_return false;
  }
  co_return !*gone;
}

}  // namespace

bool is_audit_follow(const admin::Operation& operation, std::string_view query) {
  if (operation.path != "/aivault/audit") return false;
  admin::Request request;
  auto parsed = parse_query(query, operation.query_keys);
  if (!parsed) return false;  // The operation says what is wrong with it.
  request.query = *std::move(parsed);
  return Pages::are_asked_for(request);
}

asio::awaitable<void> answer_audit_follow(Turn& turn,
                                          const admin::Operation& operation,
                                          std::string_view query) {
  admin::Request request;
  auto parsed = parse_query(query, operation.query_keys);
  if (parsed) request.query = *std::move(parsed);
  auto asked = Pages::parse(request);
  if (!asked) {
    co_await turn.refuse(std::move(asked).error());
    co_return;
  }
  const auto pages = std::make_shared<const Pages>(*std::move(asked));
  turn.core.broker.settle();
  constexpr std::int64_t kFromStart = -1;
  auto first = co_await fetch(turn, pages, kFromStart);
  if (!first) {
    co_await turn.refuse(std::move(first).error());
    co_return;
  }
  turn.close = true;
  AnswerWriter writer(
      turn.connection, head_of(turn), AnswerWriter::Body::chunked, std::optional<std::uint64_t>());
  const auto gone = std::make_shared<bool>(false);
  const auto pause = std::make_shared<asio::steady_timer>(turn.core.loop);
  auto hangup = [gone, pause] {
    *gone = true;
    pause->cancel();
  };
  turn.connection.on_hangup(std::move(hangup));
  writer.send_head_soon(turn.core.loop);
  const auto reached = first->reached;
  bool open = co_await send_text(writer, std::move(first->lines));
  if (open) open = co_await follow(turn, writer, pages, reached, gone, pause);
  auto nothing = [] {};
  turn.connection.on_hangup(std::move(nothing));
  if (open) co_await writer.send(0, AnswerWriter::Then::end);
}

}  // namespace aivault::server
