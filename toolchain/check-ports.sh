#!/bin/bash
# check-ports.sh NAME=PORT...: fails if a port is invalid, used twice or already in use, and names the variable.
set -euo pipefail
status=0 seen=' '
for v; do
  name=${v%%=*} port=${v#*=}
  if ! [[ $port =~ ^[0-9]{1,5}$ ]] || [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then
    echo "error: $name=$port is not a valid port: set $name to a number from 1 to 65535" >&2; status=1
  elif [[ $seen == *" $port "* ]]; then
    echo "error: port $port is used twice: set $name to another port" >&2; status=1
  elif (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    echo "error: port $port is already in use: stop the process that listens on it, or choose another port, for example: make run $name=$((port < 65000 ? port + 100 : port - 100))" >&2; status=1
  fi
  seen+="$port "
done
exit $status
