// SetupRun: the steps of a setup command: each is done, or in a dry run printed. Programs are run
// by absolute path, without a shell and with an empty environment. Thread: one. Errors:
// vault_unavailable `command failed: <program> (exit N)`, or the system's words and a path;
// followed by the steps that were done already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/session.h"

namespace aivault::cli {

using Words = std::vector<std::string>;

// The program in one of the system's four directories.
std::optional<std::string> find_system_program(std::string_view name);

class SetupRun {
 public:
  enum class Mode : std::uint8_t { real, dry };
  // Errors: `this command requires sudo/root`, unless it is a dry run.
  static Result<SetupRun> begin(Session& session, Mode mode);

  bool is_dry() const { return mode_ == Mode::dry; }
  // What keeps a real run from beginning; a dry run only warns of it.
  Result<void> require(bool holds, const std::string& otherwise);

  // `input` becomes the program's stdin.
  Result<void> run(const Words& command, int input = -1);
  // The first of the programs that this system has, each with its arguments.
  Result<void> run_one_of(const std::vector<Words>& alternatives);
  // Its exit status; asks only, so it is run in a dry run too. nullopt: there is no such program.
  std::optional<int> ask(const Words& command) const;
  // Mode 0644, written aside and renamed. True: it was (or would be) changed.
  Result<bool> write(const std::string& path, const std::string& content);
  // A step that this process does itself; `command` is what a person would type for it.
  template <typename Step>
  Result<void> step(const Words& command, const Step& own) {
    if (is_dry()) return show(command);
    if (auto done = own(); !done) return fail(explain(std::move(done).error()));
    done_.push_back(joined(command));
    return {};
  }

  // The end: `text`, or that nothing was changed.
  void finish(std::string_view text);

 private:
  SetupRun(Session& session, Mode mode) : session_(&session), mode_(mode) {}
  Result<void> show(const Words& command);
  Error explain(Error error) const;
  static std::string joined(const Words& command);

  Session* session_;
  Mode mode_;
  std::vector<std::string> done_;
};

}  // namespace aivault::cli
