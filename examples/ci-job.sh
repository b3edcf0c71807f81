#!/bin/sh
# A step of a CI job. The runner's user has an agent record, made once by the operator:
#   aivault agent create ci --user runner --allow openai/models --rate-limit-per-minute 60
# It holds no key; what it may call ends with `aivault agent revoke ci`.
set -eu
models=$(aivault invoke openai/models --method GET --path /v1/models --fail)
printf '%s\n' "$models" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["data"]), "models")'
