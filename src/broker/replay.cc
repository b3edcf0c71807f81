#include "broker/replay.h"

#include <algorithm>
#include <cstring>

#include "base/wipe.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMostKept = std::size_t{1} << 20U;

}  // namespace

ReplayBody::~ReplayBody() { wipe(kept_.data(), kept_.size()); }

asio::awaitable<Result<std::size_t>> ReplayBody::read(std::span<std::byte> into) {
  if (rewound_) {
    const auto size = std::min(into.size(), kept_.size() - given_);
    if (size > 0) std::memcpy(into.data(), kept_.data() + given_, size);
    given_ += size;
    co_return size;
  }
  auto got = co_await body_->read(into);
  if (!got) co_return fail(std::move(got).error());
  if (*got == 0) ended_ = true;
  if (!overflown_ && kept_.size() + *got <= kMostKept) {
    kept_.insert(kept_.end(), into.begin(), into.begin() + static_cast<std::ptrdiff_t>(*got));
  } else {
    overflown_ = true;
    wipe(kept_.data(), kept_.size());
    kept_.clear();
    kept_.shrink_to_fit();
  }
  co_return got;
}

void ReplayBody::rewind() {
  rewound_ = true;
  given_ = 0;
}

}  // namespace aivault::broker
