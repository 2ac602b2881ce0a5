#!/usr/bin/env bash
# Sends one CloudEvent, or a JSON array of up to 500, from standard input to ingest, and prints what ingest says.
#
#   EBBTIDE_KEY=… examples/emit.sh < event.json
#
# curl waits as long as Retry-After says and sends the same again after 429, 503 or no answer: each id counts once.
# Exit code 0: all are taken. 1: some were refused, or the request was; the answer says which and why.
set -euo pipefail

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
status=$(curl --silent --show-error --output "$answer" --write-out '%{http_code}' \
  --retry 8 --retry-connrefused --max-time 60 --data-binary @- \
  --header "Authorization: Bearer ${EBBTIDE_KEY:?set it to a key with the scope interactions:write}" \
  --header 'Content-Type: application/json' \
  "${EBBTIDE_URL:-http://127.0.0.1:8101}/v1/interactions")
cat "$answer"
echo
[ "$status" = 202 ] && grep -q '"refused":\[\]' "$answer"
