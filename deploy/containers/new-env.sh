#!/bin/sh
# Writes .env with a fresh secret and fresh passwords. Never overwrites one.
set -eu
[ ! -e .env ] || { echo ".env is there already; delete it first if its passwords are not in use" >&2; exit 1; }
umask 077
random() { head -c 32 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | head -c 40; }
while IFS= read -r line; do
    case $line in
        EBBTIDE_SECRET=|*PASSWORD*=) printf '%s%s\n' "$line" "$(random)" ;;
        *) printf '%s\n' "$line" ;;
    esac
done < .env.example > .env
echo "written to .env"
