#include "crypto/secret_stream.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/encoding.h"
#include "base/reveal.h"
#include "base/wipe.h"

namespace aivault::crypto {
namespace {

static_assert(kStreamHeaderBytes == crypto_secretstream_xchacha20poly1305_HEADERBYTES);
static_assert(kStreamSealedChunk - kStreamChunk == crypto_secretstream_xchacha20poly1305_ABYTES);
constexpr unsigned char kMore = crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
constexpr unsigned char kLast = crypto_secretstream_xchacha20poly1305_TAG_FINAL;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

struct StreamSealer::State {
  crypto_secretstream_xchacha20poly1305_state stream;
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { wipe(&stream, sizeof(stream)); }
};

StreamSealer::StreamSealer(const Secret& key, std::string associated)
    : state_(std::make_unique<State>()),
      header_(kStreamHeaderBytes, '\0'),
      associated_(std::move(associated)),
      plain_(Secret::zeroed(kStreamChunk)) {
  crypto_secretstream_xchacha20poly1305_init_push(
      &state_->stream, reinterpret_cast<unsigned char*>(header_.data()), raw(key.text(Reveal{})));
}
StreamSealer::StreamSealer(StreamSealer&&) noexcept = default;
StreamSealer& StreamSealer::operator=(StreamSealer&&) noexcept = default;
StreamSealer::~StreamSealer() = default;

void StreamSealer::put(std::string_view plain, std::string& out) {
  while (!plain.empty()) {
    // A full chunk waits until something follows it: the last one has to be marked.
    if (have_ == kStreamChunk) seal(false, out);
    const auto size = std::min(plain.size(), kStreamChunk - have_);
    std::memcpy(plain_.writable(Reveal{}).data() + have_, plain.data(), size);
    have_ += size;
    plain.remove_prefix(size);
  }
}

void StreamSealer::put(const Secret& plain, std::string& out) { put(plain.text(Reveal{}), out); }

void StreamSealer::finish(std::string& out) { seal(true, out); }

void StreamSealer::seal(bool last, std::string& out) {
  const auto at = out.size();
  out.resize(at + have_ + crypto_secretstream_xchacha20poly1305_ABYTES);
  crypto_secretstream_xchacha20poly1305_push(&state_->stream,
                                             reinterpret_cast<unsigned char*>(out.data() + at),
                                             nullptr,
                                             raw(plain_.text(Reveal{})),
                                             have_,
                                             raw(associated_),
                                             associated_.size(),
                                             last ? kLast : kMore);
  associated_.clear();
  have_ = 0;
}

struct StreamOpener::State {
  crypto_secretstream_xchacha20poly1305_state stream;
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { wipe(&stream, sizeof(stream)); }
};

StreamOpener::StreamOpener()
    : state_(std::make_unique<State>()), plain_(Secret::zeroed(kStreamChunk)) {}
StreamOpener::StreamOpener(StreamOpener&&) noexcept = default;
StreamOpener& StreamOpener::operator=(StreamOpener&&) noexcept = default;
StreamOpener::~StreamOpener() = default;

std::optional<StreamOpener> StreamOpener::begin(const Secret& key,
                                                std::string_view header,
                                                std::string associated) {
  if (header.size() != kStreamHeaderBytes) return std::nullopt;
  StreamOpener opener;
  opener.associated_ = std::move(associated);
  if (crypto_secretstream_xchacha20poly1305_init_pull(
          &opener.state_->stream, raw(header), raw(key.text(Reveal{}))) != 0) {
    return std::nullopt;
  }
  return opener;
}

bool StreamOpener::open(std::string_view chunk) {
  const auto overhead = crypto_secretstream_xchacha20poly1305_ABYTES;
  if (ended_ || chunk.size() < overhead || chunk.size() > kStreamSealedChunk) return false;
  unsigned char tag = 0;
  if (crypto_secretstream_xchacha20poly1305_pull(
          &state_->stream,
          reinterpret_cast<unsigned char*>(plain_.writable(Reveal{}).data()),
          nullptr,
          &tag,
          raw(chunk),
          chunk.size(),
          raw(associated_),
          associated_.size()) != 0) {
    return false;
  }
  if (tag != kMore && tag != kLast) return false;
  associated_.clear();
  size_ = chunk.size() - overhead;
  taken_ = 0;
  ended_ = tag == kLast;
  return true;
}

std::string_view StreamOpener::take(std::size_t bytes) {
  const auto taken = plain_.text(Reveal{}).substr(taken_, bytes);
  taken_ += bytes;
  return taken;
}

void StreamOpener::take_into(Secret& into, std::size_t at, std::size_t bytes) {
  const auto taken = take(bytes);
  std::memcpy(into.writable(Reveal{}).data() + at, taken.data(), taken.size());
}

}  // namespace aivault::crypto
