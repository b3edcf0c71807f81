// ReplayBody: a request body that can be sent a second time, if it was small and whole.
// Thread: the event loop. Errors: those of the body.
#pragma once

#include <cstddef>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "upstream/body_source.h"

namespace aivault::broker {

class ReplayBody final : public upstream::BodySource {
 public:
  // `body` (nullptr: none) outlives this.
  explicit ReplayBody(upstream::BodySource* body) : body_(body) {}
  ~ReplayBody() override;
  ReplayBody(const ReplayBody&) = delete;
  ReplayBody& operator=(const ReplayBody&) = delete;

  boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte> into) override;

  // All of it was read and kept: at most 1 MiB.
  bool can_replay() const { return body_ == nullptr || (ended_ && !overflown_); }
  void rewind();  // What read() gives from now on is what was kept.

 private:
  upstream::BodySource* body_;
  std::vector<std::byte> kept_;
  std::size_t given_ = 0;  // Of kept_, after rewind().
  bool ended_ = false, overflown_ = false, rewound_ = false;
};

}  // namespace aivault::broker
