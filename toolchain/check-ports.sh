#!/bin/bash
# check-ports.sh NAME=PORT...: fails, naming the variable, when a port is no port, named twice or taken on this machine.
set -euo pipefail
status=0 seen=' '
for v; do
  name=${v%%=*} port=${v#*=}
  if ! [[ $port =~ ^[0-9]{1,5}$ ]] || [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then
    echo "error: $name=$port is no port: set $name to a number from 1 to 65535" >&2; status=1
  elif [[ $seen == *" $port "* ]]; then
    echo "error: port $port is named twice: give $name another one" >&2; status=1
  elif (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    echo "error: port $port is taken: stop what listens there, or choose another, for example: make run $name=$((port < 65000 ? port + 100 : port - 100))" >&2; status=1
  fi
  seen+="$port "
done
exit $status
