#include "cli/command_table.h"
#include "cli/commands.h"

namespace aivault::cli {
namespace {

constexpr auto kCall = std::to_array<Flag>({
    {"request", ValueKind::text, "JSON", "The whole request as JSON"},
    {"request-file", ValueKind::path, "PATH", "The same from a file; - is stdin"},
    {"method", ValueKind::text, "METHOD", "HTTP method"},
    {"path", ValueKind::text, "PATH", "Path, with its query"},
    {"header", ValueKind::text, "NAME=VALUE", "Header of the request", Need::repeatable},
    {"body", ValueKind::text, "TEXT", "Body of the request"},
    {"body-file-path", ValueKind::path, "PATH", "Body from a file; - is stdin"},
    {"multipart-field",
     ValueKind::text,
     "NAME=TEXT",
     "Field of a multipart form",
     Need::repeatable},
    {"multipart-file", ValueKind::text, "FIELD=PATH", "File of a multipart form", Need::repeatable},
    {"fail", ValueKind::boolean, "", "Exit with 22 if the upstream answers 400 or above"},
    {"timeout-ms", ValueKind::number, "MS", "Time for the whole call", Need::optional, {}, 1},
    {"credential", ValueKind::text, "ID", "Use this credential"},
    {"client-ip", ValueKind::text, "IP", "Checked to be loopback, otherwise ignored"},
    {"stream", ValueKind::boolean, "", "Print every chunk as it comes (invoke only)"},
    {"include", ValueKind::boolean, "", "Include status and headers (invoke and json)"},
});
constexpr auto kMarkdownOnly = std::to_array<Flag>({
    {"namespace", ValueKind::text, "NAME", "Wrap the output in <begin NAME> and </end NAME>"},
    {"exclude-field", ValueKind::text, "KEY", "Leave this key out", Need::repeatable},
    {"wrap-field", ValueKind::text, "KEY", "Mark the text of this key", Need::repeatable},
});
constexpr auto kMarkdown = join(kCall, kMarkdownOnly);

constexpr std::string_view kAboutRaw =
    "The daemon adds the key, and the body comes back byte for byte. Changes nothing in the\n"
    "vault but its record of calls. A call reaches the API at most once.";
constexpr std::string_view kAboutJson =
    "Prints what was sent, the status, and the body, which must be JSON. Changes nothing in\n"
    "the vault but its record of calls.";
constexpr std::string_view kAboutMarkdown =
    "Prints the body, JSON or text, as Markdown. Changes nothing in the vault but its record\n"
    "of calls.";

Command call(std::string_view words,
             std::string_view summary,
             Handler run,
             std::string_view about,
             std::string_view examples) {
  return {.words = words,
          .summary = summary,
          .run = run,
          .flags = kCall,
          .shared_flags = kContextFlags,
          .positional = "ID",
          .verbose = Verbose::unknown,
          .about = about,
          .examples = examples};
}

Command as_json(Command command) {
  command.verbose = Verbose::accepted;
  return command;
}
Command as_markdown(Command command) {
  command.flags = kMarkdown;
  command.aliases = {"md"};
  return command;
}
Command also(Command command, std::string_view alias) {
  command.aliases = {alias};
  return command;
}

}  // namespace

std::vector<Command> call_commands() {
  constexpr std::string_view kInvoke =
      "aivault invoke acme/items --path /v1/items?page=2\n"
      "aivault invoke acme/items --method POST --header content-type=application/json --body '{}'";
  constexpr std::string_view kJson = "aivault json acme/items --path /v1/items";
  constexpr std::string_view kAsMarkdown = "aivault markdown acme/items --exclude-field id";
  return {
      call("invoke", "Call a capability and print the body", run_invoke, kAboutRaw, kInvoke),
      as_json(call("json",
                   "Call a capability and print status and body as JSON",
                   run_json,
                   kAboutJson,
                   kJson)),
      as_markdown(call("markdown",
                       "Call a capability and print the body as Markdown",
                       run_markdown,
                       kAboutMarkdown,
                       kAsMarkdown)),
      also(
          call("capability invoke", "The same as 'aivault invoke'", run_invoke, kAboutRaw, kInvoke),
          "call"),
      as_json(call("capability json", "The same as 'aivault json'", run_json, kAboutJson, kJson)),
      as_markdown(call("capability markdown",
                       "The same as 'aivault markdown'",
                       run_markdown,
                       kAboutMarkdown,
                       kAsMarkdown)),
  };
}

}  // namespace aivault::cli
