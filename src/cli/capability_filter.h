// CapabilityFilter: which entries of `capability list` somebody asked for. Pure.
#pragma once

#include <string>

#include "json/value.h"

namespace aivault::cli {

struct CapabilityFilter {
  std::string text = {};  // Words that all occur in the id or the summary, in any case.
  std::string provider = {}, call_class = {};
  bool ready = false;  // Only those that can be called now.

  bool is_empty() const;
};

// The answer of the daemon with only the entries that fit.
json::Value filter(const json::Value& list, const CapabilityFilter& wanted);

}  // namespace aivault::cli
