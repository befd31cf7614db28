#!/bin/sh
# The container's entry point: port 53 without root, whatever the engine.
#
#   Docker                     ports below 1024 are free to all (ip_unprivileged_port_start=0)
#   Podman --cap-add …         the capability is ours already, as an ambient one
#   Podman, --network host     neither; but setpriv-port53 carries CAP_NET_BIND_SERVICE as a file
#                              capability and hands it on, unless no-new-privileges forbids it
#   elsewhere                  set the sysctl net.ipv4.ip_unprivileged_port_start to 53 or less
set -eu
raise="setpriv-port53 --inh-caps=+net_bind_service --ambient-caps=+net_bind_service"

first_free_port=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 0)
if [ "$first_free_port" -gt 53 ] && $raise true 2>/dev/null; then
  exec $raise sightline "$@"
fi
exec sightline "$@"
