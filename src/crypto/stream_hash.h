// stream_hash: BLAKE2b-256 and SHA-256 of bytes that come in pieces; how they are cut makes no
// difference.
// Thread: one object belongs to one thread at a time. Source: RFC 7693, FIPS 180-4.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "crypto/hash.h"

namespace aivault::crypto {

class StreamHash {
 public:
  StreamHash();
  StreamHash(StreamHash&&) noexcept;
  StreamHash& operator=(StreamHash&&) noexcept;
  StreamHash(const StreamHash&) = delete;
  StreamHash& operator=(const StreamHash&) = delete;
  ~StreamHash();

  void add(std::string_view bytes);
  void add(const Secret& bytes);
  Hash finish();  // Once.

 private:
  struct State;
  std::unique_ptr<State> state_;  // Wiped at the end.
};

class StreamSha256 {
 public:
  StreamSha256();
  StreamSha256(StreamSha256&&) noexcept;
  StreamSha256& operator=(StreamSha256&&) noexcept;
  StreamSha256(const StreamSha256&) = delete;
  StreamSha256& operator=(const StreamSha256&) = delete;
  ~StreamSha256();

  void add(std::string_view bytes);
  std::string finish_hex();  // Once; 64 hex digits.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aivault::crypto
