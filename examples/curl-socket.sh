#!/bin/sh
# Over the daemon's unix socket no token is needed: the kernel says whose process this is.
set -eu
socket=${AIVAULTD_SOCKET:-$HOME/.aivault/run/aivaultd.sock}
curl -fsS --unix-socket "$socket" http://aivault/v/openai/v1/models
