// SecretPrinter: a list of secrets on stdout while it comes, in memory that does not grow with it.
// Thread: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/render_parts.h"
#include "cli/session.h"
#include "json/value.h"

namespace aivault::cli {

class SecretPrinter {
 public:
  enum class As : std::uint8_t { text, json };
  SecretPrinter(Session& session, As as) : session_(session), as_(as) {}

  void take(const json::Value& secret);
  void finish();

 private:
  void flush_if_full();

  Session& session_;
  As as_;
  std::optional<Listing> listing_;
  std::string pending_;
  std::size_t count_ = 0;
};

}  // namespace aivault::cli
