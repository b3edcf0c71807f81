// Envelope: a sealed value of an old record, and how it opens: the key-encryption key opens the
// data key, the data key opens the value, both with the associated text of the record.
// Thread: any; pure. Errors: invalid_request record_invalid `decrypt failed`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/seal.h"
#include "json/value.h"

namespace aivault::format1 {

struct Envelope {
  crypto::Sealed data_key, value;
};

// {"alg":"xchacha20poly1305","nonceB64":...,"ciphertextB64":...}
Result<crypto::Sealed> parse_sealed(const json::Value& object);
// {"alg":"xchacha20poly1305+envelope","dekWrapped":{...},"value":{...}}
Result<Envelope> parse_envelope(const json::Value& object);

// `scope` is the raw text: "global", "workspace:<ws>", "group:<ws>:<grp>".
Result<std::string> associated_text(std::int64_t version,
                                    std::string_view secret_id,
                                    std::string_view scope,
                                    std::string_view pinned_provider);

Result<Secret> open(const Secret& key, const Envelope& envelope, std::string_view associated);

}  // namespace aivault::format1
