// new_call: what every HTTP door puts into a call: who asks, with what token, and how it is to run.
// Thread: the event loop.
#pragma once

#include "broker/call.h"
#include "server/control.h"
#include "server/turn.h"

namespace aivault::server {

broker::Call new_call(const Turn& turn, Control control);

}  // namespace aivault::server
