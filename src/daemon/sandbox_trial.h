// sandbox_trial: proves the sandbox from inside: one fresh process per test enters it and tries one
// thing. Prints a JSON document on stdout.
// Thread: the main thread of a process that does nothing else.
#pragma once

namespace aivault::daemon {

int test_sandbox();  // The exit status: 0 if no test failed.

}  // namespace aivault::daemon
