// secret_stream: authenticated encryption of a long run of bytes in chunks of one size, the last of
// which is marked. Chunks cannot be changed, moved, left out, repeated or cut off unnoticed.
// Plaintext that is not given out yet stays in guarded memory.
// Thread: one object belongs to one thread at a time.
// Source: libsodium crypto_secretstream_xchacha20poly1305.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace aivault::crypto {

inline constexpr std::size_t kStreamHeaderBytes = 24;
inline constexpr std::size_t kStreamChunk = 65'536;                   // Plaintext bytes.
inline constexpr std::size_t kStreamSealedChunk = kStreamChunk + 17;  // At most; at least 17.

// Key and random header are made here. What is `put` comes out as sealed chunks, appended to `out`.
class StreamSealer {
 public:
  // `associated` is authenticated with the first chunk.
  StreamSealer(const Secret& key, std::string associated);
  StreamSealer(StreamSealer&&) noexcept;
  StreamSealer& operator=(StreamSealer&&) noexcept;
  ~StreamSealer();

  const std::string& header() const { return header_; }
  void put(std::string_view plain, std::string& out);
  void put(const Secret& plain, std::string& out);
  void finish(std::string& out);  // The last chunk.

 private:
  struct State;
  void seal(bool last, std::string& out);

  std::unique_ptr<State> state_;
  std::string header_;
  std::string associated_;  // Of the next chunk.
  Secret plain_;
  std::size_t have_ = 0;
};

class StreamOpener {
 public:
  // nullopt: the header is malformed.
  static std::optional<StreamOpener> begin(const Secret& key,
                                           std::string_view header,
                                           std::string associated);
  StreamOpener(StreamOpener&&) noexcept;
  StreamOpener& operator=(StreamOpener&&) noexcept;
  ~StreamOpener();

  // The next chunk, whole. False: it is not authentic, or one came behind the last.
  bool open(std::string_view chunk);
  bool ended() const { return ended_; }  // The last chunk was opened.

  // Plaintext that was not taken yet. At most left() bytes can be taken.
  std::size_t left() const { return size_ - taken_; }
  std::string_view take(std::size_t bytes);  // For what is no secret; valid until the next open().
  void take_into(Secret& into, std::size_t at, std::size_t bytes);

 private:
  struct State;
  StreamOpener();

  std::unique_ptr<State> state_;
  std::string associated_;
  Secret plain_;
  std::size_t size_ = 0, taken_ = 0;
  bool ended_ = false;
};

}  // namespace aivault::crypto
