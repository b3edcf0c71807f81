// Fields: typed reading of the members of an old JSON object. Unknown members are ignored; a
// member of another type than expected is an error that names it and quotes nothing.
// Thread: any; pure. Errors: invalid_request record_invalid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "json/parse.h"
#include "json/value.h"

namespace aivault::format1 {

// Of one old file: at most 16 MiB of text, which may hold many records.
json::Limits file_limits();

tl::unexpected<Error> malformed(std::string_view key);

// Absent and null: nullopt.
Result<std::optional<std::string>> text_in(const json::Value& object, std::string_view key);
Result<std::optional<std::int64_t>> integer_in(const json::Value& object, std::string_view key);
Result<std::optional<UnixMs>> time_in(const json::Value& object, std::string_view key);
// Absent and null: empty, false, no elements.
Result<std::vector<std::string>> texts_in(const json::Value& object, std::string_view key);
Result<bool> flag_in(const json::Value& object, std::string_view key);
Result<std::vector<const json::Value*>> objects_in(const json::Value& object, std::string_view key);

// Must be there.
Result<std::string> needed_text(const json::Value& object, std::string_view key);
Result<UnixMs> needed_time(const json::Value& object, std::string_view key);
// Standard padded Base64 of exactly `size` bytes.
Result<std::string> needed_bytes(const json::Value& object, std::string_view key, std::size_t size);

}  // namespace aivault::format1
