#!/bin/bash
# `audit.sh PIP-AUDIT LOCK-FILE`: known holes in what is locked. 1 when there are some, 3 when nobody could be asked.
set -uo pipefail
said=$("$1" --disable-pip --require-hashes --progress-spinner off --requirement "$2" 2>&1)
code=$?
if grep -Eqi "could not be audited|connection|timed out|ServiceError|HTTPError" <<<"$said"; then
    echo "Nothing is known about holes: no database of advisories can be reached from here." >&2
    exit 3
fi
echo "$said"
exit $code
