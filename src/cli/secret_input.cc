#include "cli/secret_input.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "platform/descriptor.h"
#include "platform/terminal.h"

namespace aivault::cli {
namespace {

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) {
    text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
  }
  return text;
}

std::string flags_of(const SecretSource& source, std::string_view word) {
  std::string list;
  for (const auto flag : {source.text_flag, source.file_flag}) {
    if (flag.empty()) continue;
    if (!list.empty()) list += " " + std::string(word) + " ";
    list += "--" + std::string(flag);
  }
  return list;
}

auto missing(const SecretSource& source) {
  return invalid_request(
      "", source.missing.empty() ? "provide " + flags_of(source, "or") : source.missing);
}

Result<Secret> checked(Secret secret, std::string_view what) {
  if (secret.empty()) return invalid_request("", std::string(what) + " must not be empty");
  if (secret.size() > kMaxSecret) {
    return invalid_request("", std::string(what) + " must not be larger than 1 MiB");
  }
  return secret;
}

}  // namespace

void hide_memory() { prctl(PR_SET_DUMPABLE, 0); }

Result<WipedBuffer> read_secret_file(const std::string& path, std::size_t limit) {
  hide_memory();
  if (path == "-") return WipedBuffer::read(STDIN_FILENO, "stdin", limit);
  const platform::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return invalid_request("", path + ": " + std::strerror(errno));
  return WipedBuffer::read(file.get(), path, limit);
}

bool is_given(const Session& session, const Arguments& arguments, const SecretSource& source) {
  return (!source.text_flag.empty() && session.has_argument_secret(source.text_flag)) ||
         (!source.file_flag.empty() && arguments.has(source.file_flag));
}

Result<Secret> ask_secret(Session& session, const SecretSource& source) {
  if (!session.can_ask()) return missing(source);
  hide_memory();
  TRY_ASSIGN(auto secret, platform::prompt_hidden(source.prompt + ": "));
  TRY_ASSIGN(auto first, checked(std::move(secret), source.what));
  if (source.ask == Ask::twice) {
    TRY_ASSIGN(const auto second, platform::prompt_hidden(source.prompt + ", again: "));
    if (!(first == second)) {
      return invalid_request("", "the two entries differ; nothing was changed");
    }
  }
  return first;
}

Result<Secret> read_secret(Session& session,
                           const Arguments& arguments,
                           const SecretSource& source) {
  hide_memory();
  const auto file = source.file_flag.empty() ? std::nullopt : arguments.text(source.file_flag);
  auto text =
      source.text_flag.empty() ? std::nullopt : session.take_argument_secret(source.text_flag);
  if (text && file) {
    return invalid_request("", "provide either " + flags_of(source, "or") + ", not both");
  }
  if (text) return checked(*std::move(text), source.what);
  if (!file) return ask_secret(session, source);
  constexpr std::size_t kLineEnd = 2;
  TRY_ASSIGN(const auto buffer, read_secret_file(*file, kMaxSecret + kLineEnd));
  return checked(Secret::copy_of(without_line_end(buffer.text())), source.what);
}

}  // namespace aivault::cli
