#include "broker/records.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "broker/run_on.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

constexpr auto kWindow = std::chrono::seconds(1);
constexpr auto kEndWaits = std::chrono::milliseconds(50);
constexpr std::size_t kMaxHeldEnds = 256;
constexpr std::size_t kMaxKinds = 10;  // Records of refusals a second and uid.

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::int64_t signed_count(std::uint64_t bytes) { return static_cast<std::int64_t>(bytes); }

}  // namespace

EndQueue::~EndQueue() { release(); }

void EndQueue::add(VaultPtr vault, audit::Event event) {
  held_.push_back({std::move(vault), std::move(event)});
  if (held_.size() >= kMaxHeldEnds) return release();
  if (held_.size() > 1) return;
  timer_.expires_after(kEndWaits);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (const auto self = weak.lock(); self && !error) self->release();
  });
}

void EndQueue::release() {
  if (held_.empty()) return;
  timer_.cancel();
  for (auto& held : std::exchange(held_, {})) {
    // What cannot be written now stays with the vault, which then refuses new calls.
    held.vault->record(std::move(held.event), [](const Result<void>&) {});
  }
}

asio::awaitable<Result<void>> write_record(EndQueue& ends,
                                           VaultPtr vault,
                                           audit::Event event,
                                           std::vector<vault::RateUnit> units) {
  ends.release();
  auto initiate = [vault = std::move(vault), event = std::move(event), units = std::move(units)](
                      auto handler) mutable {
    auto home = kept_busy(asio::get_associated_executor(handler));
    // The vault wants a function that can be copied; a handler cannot be.
    auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
    auto done = [waiting, home](Result<void> result) {
      auto resume = [waiting, result = std::move(result)]() mutable {
        auto handler_of_loop = std::move(*waiting);
        handler_of_loop(std::move(result));
      };
      asio::post(home, std::move(resume));
    };
    if (units.empty()) return vault->record(std::move(event), std::move(done));
    vault->record_limited(std::move(event), std::move(units), std::move(done));
  };
  const auto token = asio::use_awaitable;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<void>)>(
      std::move(initiate), token);
}

EndRecord::EndRecord(std::shared_ptr<EndQueue> queue, VaultPtr vault, audit::Event event)
    : queue_(std::move(queue)),
      vault_(std::move(vault)),
      event_(std::move(event)),
      started_(Clock::now()) {
  queue_->tally().began(kind_);
}

EndRecord::~EndRecord() {
  if (!vault_) return;
  event_.outcome = "error";
  const std::string why = queue_->why_dropped();
  event_.note = event_.note.empty() ? why : why + "; " + event_.note;
  write(std::move(event_));
}

void EndRecord::ok(int status, Bytes bytes) {
  if (!vault_) return;
  bytes_ = bytes;
  event_.outcome = "ok";
  event_.status = status;
  write(std::move(event_));
}

void EndRecord::error(const Error& why, Bytes bytes) {
  if (!vault_) return;
  bytes_ = bytes;
  event_.outcome = "error";
  event_.code = to_string(why.code);
  event_.reason = why.reason;
  write(std::move(event_));
}

void EndRecord::forget() {
  if (vault_) queue_->tally().left(kind_);
  vault_.reset();
}

void EndRecord::be(CallKind kind) {
  if (vault_) queue_->tally().became(kind_, kind);
  kind_ = kind;
}

void EndRecord::note(std::string_view remark) {
  if (!event_.note.empty()) event_.note += "; ";
  event_.note += remark;
}

void EndRecord::write(audit::Event event) {
  const auto took = Clock::now() - started_;
  event.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  event.request_bytes = signed_count(bytes_.request);
  event.response_bytes = signed_count(bytes_.response);
  event.at = now();
  queue_->tally().left(kind_);
  queue_->tally().ended(event, kind_, class_);
  queue_->add(std::exchange(vault_, nullptr), std::move(event));
}

void Refusals::note(VaultPtr vault, audit::Event event, const std::string& key) {
  if (!vault && !without_vault_) return;
  const auto uid = event.uid.value_or(-1);
  auto [found, is_new] = windows_.try_emplace(uid);
  auto& window = found->second;
  if (is_new) window.ends = Clock::now() + kWindow;
  event.outcome = "denied";
  event.at = now();
  const auto known = std::ranges::find(window.kinds, key, &std::pair<std::string, Held>::first);
  if (known != window.kinds.end()) {
    ++known->second.count;
  } else if (window.kinds.size() < kMaxKinds) {
    window.kinds.emplace_back(key, Held{std::move(vault), std::move(event), 1});
  } else if (window.others) {
    ++window.others->count;
  } else {
    audit::Event others;
    others.kind = event.kind;
    others.at = event.at;
    others.outcome = event.outcome;
    others.actor = std::move(event.actor);
    others.uid = event.uid;
    others.user = std::move(event.user);
    others.note = "further refusals within one second";
    window.others = Held{std::move(vault), std::move(others), 1};
  }
  arm();
}

void Refusals::settle() {
  for (auto& [uid, window] : windows_) write(window);
  windows_.clear();
  timer_.cancel();
  armed_ = false;
}

void Refusals::write(Window& window) {
  for (auto& [key, held] : window.kinds) {
    if (held.count > 1) held.event.count = held.count;
    write_one(held);
  }
  if (!window.others) return;
  window.others->event.count = window.others->count;
  write_one(*window.others);
}

void Refusals::write_one(Held& held) {
  if (held.vault) {
    held.vault->record(std::move(held.event), [](const Result<void>&) {});
  } else {
    without_vault_(std::move(held.event));
  }
}

void Refusals::arm() {
  if (armed_) return;
  armed_ = true;
  auto next = Clock::now() + kWindow;
  for (const auto& [uid, window] : windows_) next = std::min(next, window.ends);
  timer_.expires_at(next);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (const auto self = weak.lock(); self && !error) self->ring();
  });
}

void Refusals::ring() {
  armed_ = false;
  const auto now = Clock::now();
  for (auto at = windows_.begin(); at != windows_.end();) {
    if (at->second.ends > now) {
      ++at;
      continue;
    }
    write(at->second);
    at = windows_.erase(at);
  }
  if (!windows_.empty()) arm();
}

}  // namespace aivault::broker
