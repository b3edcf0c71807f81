// Scrub: removes injected secrets and their encodings from an answer while it streams. The output
// equals scrubbing the whole body at once, however it is cut. What is held back never depends on
// partial matches, so timing says nothing about the secret: the tail of min(N, bytes since the
// last LF), N the longest form rounded up to 256, 1024 or 8192.
// Thread: one object belongs to one thread at a time; ScrubForms is immutable and shared.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace aivault::policy {

// Raw; Base64 standard and URL-safe at the three alignments; hex; percent-encoded once or twice;
// JSON-escaped; XML and HTML entities. White space around a string is no part of it.
// Strings under 6 bytes are not scrubbed; needles are at most 1 KiB. Lines of 16 bytes and more of
// a string with line breaks are strings of their own.
class ScrubForms {
 public:
  // Each value is one string that must not reach the caller (secret set of the material, the
  // Basic pair, the rendered header value).
  static std::shared_ptr<const ScrubForms> of(std::span<const Secret> values);
  // Those of `known`, which are not built again, and of `more`, made for one call.
  static std::shared_ptr<const ScrubForms> with(std::shared_ptr<const ScrubForms> known,
                                                std::span<const Secret> more);
  ~ScrubForms();
  ScrubForms(const ScrubForms&) = delete;
  ScrubForms& operator=(const ScrubForms&) = delete;
  ScrubForms(ScrubForms&&) = delete;
  ScrubForms& operator=(ScrubForms&&) = delete;
  bool empty() const;

 private:
  friend class Scrubber;
  friend bool holds_in_any_case(const ScrubForms& forms, std::string_view text);
  ScrubForms();
  struct Table;
  std::unique_ptr<Table> table_;
};

class Scrubber {
 public:
  explicit Scrubber(std::shared_ptr<const ScrubForms> forms);
  ~Scrubber();
  Scrubber(Scrubber&&) noexcept;
  Scrubber& operator=(Scrubber&&) noexcept;
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

  // Appends to `out` what may be released; each hit becomes [REDACTED].
  void feed(std::string_view in, std::string& out);
  void finish(std::string& out);  // End of the body: releases the tail.
  std::uint64_t hits() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string scrub_text(const std::shared_ptr<const ScrubForms>& forms, std::string_view text);

// For names, which lose the case of their letters on the way: does one hold a secret, or a secret
// but for the case of its letters?
bool holds_in_any_case(const ScrubForms& forms, std::string_view text);

}  // namespace aivault::policy
