// run_environment: the environment of a program that `aivault run` starts: where the vault is, the
// token that it may use, and none of the secrets that are in ours. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace aivault::cli {

struct RunPlace {
  std::string base_url;  // "http://127.0.0.1:4711"
  std::string token;
  std::vector<std::string> credentials;  // Named by the caller: they win where there are several.
  std::string key_variable;              // Of the env provider; empty: none.
};

// `endpoints`: the answer of /aivault/endpoints. "NAME=value", sorted.
std::vector<std::string> run_environment(std::map<std::string, std::string> ours,
                                         const json::Value& endpoints,
                                         const RunPlace& place);

}  // namespace aivault::cli
