#include "cli/secret_printer.h"

#include <string_view>
#include <utility>

#include "cli/render.h"
#include "json/write.h"

namespace aivault::cli {
namespace {

constexpr std::size_t kFull = 4096;

// As one element of an array on lines of its own.
void append_indented(std::string& out, std::string_view document) {
  if (document.ends_with('\n')) document.remove_suffix(1);
  out += "\n  ";
  for (const char c : document) {
    out += c;
    if (c == '\n') out += "  ";
  }
}

}  // namespace

void SecretPrinter::flush_if_full() {
  if (pending_.size() < kFull) return;
  session_.print(pending_);
  pending_.clear();
}

void SecretPrinter::take(const json::Value& secret) {
  if (as_ == As::json) {
    pending_ += count_ == 0 ? "[" : ",";
    append_indented(pending_, json::pretty(secret));
  } else {
    if (!listing_) listing_.emplace("Secrets", session_.style());
    render_secret(secret, *listing_);
    pending_ += listing_->take();
  }
  ++count_;
  flush_if_full();
}

void SecretPrinter::finish() {
  if (as_ == As::json) {
    pending_ += count_ == 0 ? "[]\n" : "\n]\n";
  } else if (!listing_) {
    pending_ += "No secrets found.\n";
  } else {
    pending_ += listing_->finish(count_, "secret", "secrets");
  }
  session_.print(std::exchange(pending_, {}));
}

}  // namespace aivault::cli
