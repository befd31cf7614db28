#!/bin/bash
# What the container promises: its size, that it needs neither root nor a writable disk, that it
# answers over UDP and TCP on port 53, and how it ends.
#
#   [ENGINE=docker|podman] tests/container/check.sh IMAGE
set -euo pipefail
cd "$(dirname "$0")/../.."
image=${1:?image}
engine=${ENGINE:-$(command -v docker || command -v podman)}
name=sightline-check-$$
qname=payments.dev.us-east-1.corp.internal
limit_mb=200
hardened=(--read-only --cap-drop ALL --cap-add NET_BIND_SERVICE --security-opt no-new-privileges
          --memory 256m --pids-limit 128)
empty=$(mktemp -d); chmod 755 "$empty"
trap '"$engine" rm -f "$name" >/dev/null 2>&1 || true; rm -rf "$empty"' EXIT

fail() { echo "FAIL: $*" >&2; "$engine" logs "$name" >&2 2>/dev/null || true; exit 1; }
pass() { echo "ok: $*"; }

start() { # start OPTION… : a server with a free port of this machine, once it says `ready`
  "$engine" rm -f "$name" >/dev/null 2>&1 || true
  "$engine" run -d --name "$name" -p 127.0.0.1::53/udp -p 127.0.0.1::53/tcp \
    -e SIGHTLINE_CHECKS__PROBE=false "$@" "$image" >/dev/null
  for _ in $(seq 100); do
    "$engine" logs "$name" 2>&1 | grep -q ready && return 0
    [ "$("$engine" inspect "$name" --format '{{.State.Running}}')" = true ] || fail "ended at start"
    sleep .1
  done
  fail "not ready after 10 s"
}

ask() { # ask : UDP and TCP from outside the container
  python3 - "$("$engine" port "$name" 53/udp | head -1)" "$("$engine" port "$name" 53/tcp | head -1)" "$qname" <<'P'
import socket, struct, sys

udp, tcp = ((a.rpartition(":")[0], int(a.rpartition(":")[2])) for a in sys.argv[1:3])
labels = b"".join(bytes([len(label)]) + label.encode() for label in sys.argv[3].split("."))
query = struct.pack("!6H", 4660, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(5)
    s.sendto(query, udp)
    by_udp = s.recv(4096)
with socket.create_connection(tcp, 5) as s, s.makefile("rb") as f:
    s.sendall(struct.pack("!H", len(query)) + query)
    by_tcp = f.read(struct.unpack("!H", f.read(2))[0])
for transport, reply in (("udp", by_udp), ("tcp", by_tcp)):
    rcode, answers = reply[3] & 15, struct.unpack("!H", reply[6:8])[0]
    if reply[:2] != query[:2] or not reply[2] & 0x84 == 0x84 or rcode or not answers:
        sys.exit(f"{transport}: rcode {rcode}, {answers} answers, {reply.hex()}")
P
}

size=$("$engine" image inspect "$image" --format '{{.Size}}')
[ "$size" -lt $((limit_mb * 1000000)) ] || fail "image has $((size / 1000000)) MB, limit $limit_mb MB"
pass "image: $((size / 1000000)) MB"

user=$("$engine" image inspect "$image" --format '{{.Config.User}}')
[[ $user =~ ^[1-9][0-9]*(:[0-9]+)?$ ]] || fail "user '$user' is not a number other than 0"
pass "user $user"

"$engine" run --rm "${hardened[@]}" "$image" check --strict || fail "check of the zones in the image"
pass "the zones in the image check clean"

code=0
"$engine" run --rm "${hardened[@]}" -v "$empty:/zones:ro" "$image" >/dev/null 2>&1 || code=$?
[ "$code" = 2 ] || fail "exit code $code with an empty zones directory, not 2"
pass "no zones: exit 2"

start "${hardened[@]}" -v "$PWD/zones:/zones:ro"
ask || fail "hardened: no answer"
"$engine" exec "$name" sightline query "$qname" A @127.0.0.1:53 >/dev/null || fail "sightline query inside"
begin=$EPOCHREALTIME
"$engine" stop -t 10 "$name" >/dev/null
seconds=$(LC_ALL=C awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
code=$("$engine" inspect "$name" --format '{{.State.ExitCode}}')
[ "$code" = 0 ] || fail "exit code $code after SIGTERM"
LC_ALL=C awk -v s="$seconds" 'BEGIN { exit !(s < 2) }' || fail "SIGTERM to end took $seconds s"
pass "read-only, no capabilities, no-new-privileges: answers; SIGTERM: exit 0 in $seconds s"

start -v "$PWD/zones:/zones:ro"
ask || fail "without options: no answer"
pass "docker run without any option: answers"

if "$engine" compose version >/dev/null 2>&1; then
  "$engine" compose -f docker-compose.yaml config --quiet || fail "docker-compose.yaml"
  pass "docker-compose.yaml is understood"
fi
echo "PASS ($engine)"
