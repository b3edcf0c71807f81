#include "vault/revisions.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "crypto/uuid.h"

namespace aivault::vault {

std::optional<Revisions::Uuid> Revisions::parse(std::string_view id) {
  if (!crypto::is_uuid(id)) return std::nullopt;
  Uuid out{};
  std::size_t digits = 0;
  for (const char c : id) {
    if (c == '-') continue;
    const auto digit = static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    auto& half = out[digits++ / 16];
    half = half << 4U | digit;
  }
  return out;
}

bool Revisions::load(store::Table table, std::string_view id, std::int64_t rev) {
  const std::lock_guard lock(guard_);
  if (table != store::Table::secrets) {
    return others_[static_cast<std::size_t>(table)].emplace(id, rev).second;
  }
  const auto uuid = parse(id);
  return uuid && secrets_.emplace(*uuid, rev).second;
}

Revisions::Pin::Pin(Revisions& of) : of_(&of) {
  const std::lock_guard lock(of.guard_);
  at_ = of.pins_.insert(of.committed_);
}

Revisions::Pin::~Pin() {
  if (of_ == nullptr) return;
  const std::lock_guard lock(of_->guard_);
  of_->pins_.erase(at_);
}

bool Revisions::covers(std::int64_t counter) const {
  const std::lock_guard lock(guard_);
  return counter >= base_ && counter <= known_;
}

std::optional<std::int64_t> Revisions::now(store::Table table, std::string_view id) const {
  if (table == store::Table::secrets) {
    const auto uuid = parse(id);
    if (!uuid) return std::nullopt;
    const auto found = secrets_.find(*uuid);
    return found == secrets_.end() ? std::nullopt : std::optional(found->second);
  }
  const auto& rows = others_[static_cast<std::size_t>(table)];
  const auto found = rows.find(id);
  return found == rows.end() ? std::nullopt : std::optional(found->second);
}

void Revisions::set(const RowWrite& write) {
  if (write.table == store::Table::secrets) {
    const auto uuid = parse(write.id);
    if (!uuid) return;
    if (write.rev) {
      secrets_[*uuid] = *write.rev;
    } else {
      secrets_.erase(*uuid);
    }
    return;
  }
  auto& rows = others_[static_cast<std::size_t>(write.table)];
  if (write.rev) {
    rows[write.id] = *write.rev;
  } else {
    rows.erase(write.id);
  }
}

std::optional<std::int64_t> Revisions::at(store::Table table,
                                          std::string_view id,
                                          std::int64_t counter) const {
  const std::lock_guard lock(guard_);
  for (const auto& before : history_) {
    if (before.counter > counter && before.row.table == table && before.row.id == id) {
      return before.row.rev;
    }
  }
  return now(table, id);
}

std::vector<std::string> Revisions::ids(store::Table table, std::int64_t counter) const {
  const std::lock_guard lock(guard_);
  std::set<std::string> ids;
  for (const auto& [id, rev] : others_[static_cast<std::size_t>(table)]) ids.insert(id);
  for (auto before = history_.rbegin(); before != history_.rend(); ++before) {
    if (before->counter <= counter || before->row.table != table) continue;
    if (before->row.rev) {
      ids.insert(before->row.id);
    } else {
      ids.erase(before->row.id);
    }
  }
  return {ids.begin(), ids.end()};
}

std::size_t Revisions::count(store::Table table) const {
  const std::lock_guard lock(guard_);
  return table == store::Table::secrets ? secrets_.size()
                                        : others_[static_cast<std::size_t>(table)].size();
}

void Revisions::announce(std::int64_t counter, const std::vector<RowWrite>& writes) {
  const std::lock_guard lock(guard_);
  const auto oldest = pins_.empty() ? committed_ : std::min(*pins_.begin(), committed_);
  while (!history_.empty() && history_.front().counter <= oldest) history_.pop_front();
  for (const auto& write : writes) {
    history_.push_back({counter, {write.table, write.id, now(write.table, write.id)}});
    set(write);
  }
  known_ = counter;
}

void Revisions::commit(std::int64_t counter) {
  const std::lock_guard lock(guard_);
  committed_ = counter;
}

void Revisions::retract(std::int64_t counter) {
  const std::lock_guard lock(guard_);
  while (!history_.empty() && history_.back().counter == counter) {
    set(history_.back().row);
    history_.pop_back();
  }
  known_ = committed_;
}

}  // namespace aivault::vault
