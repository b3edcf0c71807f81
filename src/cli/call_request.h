// CallRequest: the flags and the payload of invoke, json and markdown as the envelope of a call,
// with the files it needs still to be opened. Pure: the checks before any connection, in order.
// Errors: invalid_request, with the message to show.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/key_value.h"
#include "json/value.h"

namespace aivault::cli {

enum class Form : std::uint8_t { raw, json, markdown };

struct CallFlags {
  Form form = Form::raw;
  std::string capability;  // As given.
  std::optional<std::string> request, request_file;
  std::optional<std::string> method, path, body, body_file_path;
  std::vector<std::string> headers, multipart_fields, multipart_files;
  std::optional<std::string> credential;
  std::optional<std::string> client_ip;
  std::optional<std::int64_t> timeout_ms;
  bool stream = false, include = false, fail = false;
  Context context;

  bool is_manual() const;  // Any flag that makes a part of the request.
};
Result<CallFlags> call_flags(const Arguments& arguments, Form form);

// A file whose bytes follow the envelope. kStdin stands for stdin.
struct FileReference {
  static constexpr std::string_view kStdin = "-";
  enum class Role : std::uint8_t { body, multipart };
  Role role = Role::body;
  std::string path;
  std::size_t index = 0;  // In multipartFiles.
};

struct CallRequest {
  json::Value envelope;              // Without the parts that the files stand for.
  std::vector<FileReference> files;  // In the order of their bytes on the wire.
  // Why the daemon has to complete the request, if it has to.
  std::optional<std::string> first_reason;
};

// Checks 1 to 3, which need no payload.
Result<void> check_call_flags(const CallFlags& flags);
// Check 4: the text of --request or --request-file.
Result<CallRequest> request_from_payload(const CallFlags& flags, std::string_view payload);
// Check 5.
Result<CallRequest> request_from_flags(const CallFlags& flags);
// First half of check 6.
Result<void> check_client_ip(const CallFlags& flags);

// Puts the size of an opened file into the envelope; nullopt: unknown, which only a body may be.
void announce(CallRequest& request, const FileReference& file, std::optional<std::uint64_t> size);

}  // namespace aivault::cli
