#!/bin/sh
# aivault run --allow openai/models -- ./curl.sh
set -eu
curl -fsS -H "authorization: Bearer $AIVAULT_TOKEN" "$AIVAULT_BASE_URL/v/openai/v1/models"
