#!/bin/sh
# SPDX-License-Identifier: MIT
#
# record.sh [OUTPUT_FOLDER]
#
# Records the sessions of README.md. It starts a mosquitto broker on 127.0.0.1 and runs mosquitto's
# command-line clients. Each client connects through a socat that records both directions. The script
# checks that every session has the expected packets. Then it writes NAME.client.bin (from the client
# to the server) and NAME.server.bin (from the server to the client) to OUTPUT_FOLDER, by default the
# folder of this script. It writes nothing if a session has other packets.
#
# Needs, on Debian, the packages mosquitto, mosquitto-clients, socat and openssl.

set -u
LC_ALL=C
PATH=$PATH:/usr/sbin:/usr/local/sbin
export LC_ALL PATH
umask 077

die() {
    echo "record.sh: $*" >&2
    exit 1
}

case $0 in
*/*) output=${1:-${0%/*}} ;;
*) output=${1:-.} ;;
esac
[ $# -le 1 ] || die "usage: record.sh [OUTPUT_FOLDER]"
for program in mosquitto mosquitto_passwd mosquitto_pub mosquitto_rr mosquitto_sub socat openssl \
    timeout awk od; do
    command -v "$program" >/dev/null || die "the program $program is missing"
done
for plugin in /usr/lib/*/mosquitto_dynamic_security.so /usr/lib/mosquitto_dynamic_security.so \
    /usr/local/lib/mosquitto_dynamic_security.so ""; do
    [ ! -f "$plugin" ] || break
done
[ -n "$plugin" ] || die "mosquitto's plugin mosquitto_dynamic_security.so is missing"

# The id of a running process is in a file NAME.pid. Whoever ends the process removes the file.
work=$(mktemp -d "${TMPDIR:-/tmp}/record.XXXXXX") || die "no temporary folder can be made"
clean_up() {
    trap '' HUP INT TERM
    for file in "$work"/*.pid; do
        if [ -f "$file" ] && read -r pid <"$file"; then
            kill "$pid" 2>/dev/null
            kill -CONT "$pid" 2>/dev/null # it may have been stopped
        fi
    done
    wait 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The version of MQTT, as the programs of mosquitto call it, of the session of this name
version_of() {
    case ${1##*/} in
    v5-*) echo mqttv5 ;;
    *) echo mqttv311 ;;
    esac
}

# Prints the complete packets of a file as in README.md: CONNACK:return code, PUBLISH:QoS,
# SUBACK:return codes, and +present, +dup, +retain. In MQTT 5.0 the reason codes of all packets that have
# them: their property length there is of one byte.
packets() {
    od -An -v -tu1 "$1" | awk -v version="$(version_of "$1")" '
        { for (i = 1; i <= NF; i++) byte[count++] = $i }
        END {
            split("CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK " \
                "UNSUBSCRIBE UNSUBACK PINGREQ PINGRESP DISCONNECT AUTH", name, " ")
            for (at = 0; at + 1 < count; at = body + left) {
                left = 0
                for (body = at + 1; body < count && byte[body] >= 128; body++)
                    left += (byte[body] - 128) * 128 ^ (body - at - 1)
                left += byte[body] * 128 ^ (body - at - 1)
                if (++body + left > count)
                    break
                type = int(byte[at] / 16)
                text = name[type]
                if (type == 2)
                    text = text ":" byte[body + 1] (byte[body] ? "+present" : "")
                if (type == 3)
                    text = text ":" int(byte[at] / 2) % 4 (int(byte[at] / 8) % 2 ? "+dup" : "") \
                        (byte[at] % 2 ? "+retain" : "")
                from = left
                if (version == "mqttv5" && type >= 4 && type <= 7 && left > 2)
                    text = text ":" byte[body + 2]
                if (version == "mqttv5" && type >= 14 && left > 0)
                    text = text ":" byte[body]
                if (version == "mqttv5" && (type == 9 || type == 11))
                    from = 3 + byte[body + 2]
                else if (type == 9)
                    from = 2
                for (i = from; i < left; i++)
                    text = text (i == from ? ":" : ",") byte[body + i]
                line = line (line == "" ? "" : " ") text
            }
            print line (at < count ? " and an incomplete packet" : "")
        }'
}

# await COMMAND ARGUMENTS...: waits until the command succeeds, at most 10 seconds.
await() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        sleep 0.05
    done
}

says() { # FILE PATTERN
    grep -q -e "$2" "$1" 2>/dev/null
}

says_or_ended() { # FILE PATTERN PROCESS
    says "$1" "$2" || ! kill -0 "$3" 2>/dev/null
}

holds() { # FILE PACKETS
    [ -f "$1" ] && [ "$(packets "$1")" = "$2" ]
}

# await_packets NAME client|server PACKETS: waits until the recording has exactly these packets.
await_packets() {
    await holds "$work/$1.$2.bin" "$3" ||
        die "session $1: the $2 should have sent $3, but sent $(packets "$work/$1.$2.bin")"
}

# start NAME TARGET PROGRAM ARGUMENTS...: starts a client that connects to TARGET through a socat.
# mosquitto_sub ends by itself; the other programs are ended by timeout.
start() {
    name=$1 target=$2 program=$3 version=$(version_of "$1")
    shift 3
    : >"$work/$name.client.bin"
    : >"$work/$name.server.bin"
    timeout 30 socat -d -d -lf "$work/$name.tap.log" -r "$work/$name.client.bin" \
        -R "$work/$name.server.bin" TCP-LISTEN:0,bind=127.0.0.1,accept-timeout=10 "$target" &
    echo $! >"$work/$name.tap.pid"
    await says_or_ended "$work/$name.tap.log" 'listening on' $!
    port=$(sed -n 's/.*listening on .*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/$name.tap.log")
    [ -n "$port" ] || die "session $name: socat has got no port on 127.0.0.1"
    if [ "$program" = mosquitto_sub ]; then
        mosquitto_sub -h 127.0.0.1 -p "$port" -V "$version" -W 20 "$@" \
            >"$work/$name.log" 2>&1 </dev/null &
    else
        timeout 20 "$program" -h 127.0.0.1 -p "$port" -V "$version" "$@" \
            >"$work/$name.log" 2>&1 <"$input" &
    fi
    echo $! >"$work/$name.pid"
}

# finish NAME STATUS CLIENT_PACKETS SERVER_PACKETS: checks that the client ends with this exit status
# and that the recordings have these packets.
finish() {
    read -r pid <"$work/$1.pid"
    wait "$pid" 2>/dev/null
    status=$?
    rm "$work/$1.pid"
    read -r pid <"$work/$1.tap.pid"
    wait "$pid" 2>/dev/null
    rm "$work/$1.tap.pid"
    [ $status -eq "$2" ] ||
        die "session $1: the client ended with $status, not $2: $(tr '\n' ' ' <"$work/$1.log")"
    await_packets "$1" client "$3"
    await_packets "$1" server "$4"
    sessions="$sessions $1"
}

# publish ARGUMENTS...: publishes a message from a client that is not recorded.
publish() {
    timeout 20 mosquitto_pub -h 127.0.0.1 -p "$base" -V mqttv311 -i helper "$@" \
        >"$work/helper.log" 2>&1 </dev/null || die "mosquitto_pub: $(cat "$work/helper.log")"
}

# ---- The broker ----------------------------------------------------------------------------------

input=/dev/null
mosquitto_passwd -c -b "$work/passwords" 'μαρία' 'κωδικός' 2>"$work/passwd.log" ||
    die "mosquitto_passwd: $(cat "$work/passwd.log")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=localhost -keyout "$work/key.pem" -out "$work/certificate.pem" \
    2>"$work/openssl.log" </dev/null || die "openssl: $(cat "$work/openssl.log")"
cat >"$work/dynamic-security.json" <<'END'
{
    "defaultACLAccess": {
        "publishClientSend": true, "publishClientReceive": true,
        "subscribe": true, "unsubscribe": true
    },
    "clients": [],
    "groups": [{ "groupname": "guests", "roles": [{ "rolename": "guest" }] }],
    "roles": [{
        "rolename": "guest",
        "acls": [{ "acltype": "subscribePattern", "topic": "private/#", "allow": false }]
    }],
    "anonymousGroup": "guests"
}
END

broker=""
for base in 21883 22883 23883 24883 25883 26883 27883 28883; do
    cat >"$work/mosquitto.conf" <<END
user root
persistence false
log_dest stderr
log_type all
per_listener_settings true

listener $base 127.0.0.1
allow_anonymous true

listener $((base + 1)) 127.0.0.1
allow_anonymous false
password_file $work/passwords

listener $((base + 2)) 127.0.0.1
allow_anonymous true
allow_zero_length_clientid false
max_qos 1

listener $((base + 3)) 127.0.0.1
allow_anonymous true
plugin $plugin
plugin_opt_config_file $work/dynamic-security.json

listener $((base + 4)) 127.0.0.1
allow_anonymous true
cafile $work/certificate.pem
certfile $work/certificate.pem
keyfile $work/key.pem
use_identity_as_username true
END
    timeout 120 mosquitto -c "$work/mosquitto.conf" >"$work/broker.log" 2>&1 </dev/null &
    broker=$!
    await says_or_ended "$work/broker.log" ' running$' "$broker"
    if says "$work/broker.log" ' running$'; then
        echo "$broker" >"$work/broker.pid"
        break
    fi
    kill "$broker" 2>/dev/null
    wait "$broker" 2>/dev/null
    says "$work/broker.log" 'Address already in use' ||
        die "mosquitto does not start: $(grep -e Error "$work/broker.log" | tr '\n' ' ')"
    broker=""
done
[ -n "$broker" ] || die "no five ports in a row are free on 127.0.0.1 for the broker"

# The listeners. The last one wants TLS and a certificate, which no client here has; the tap speaks
# TLS with it, so that the recording is plain.
open=TCP:127.0.0.1:$base            # anybody may do anything
users=TCP:127.0.0.1:$((base + 1))   # with user name and password only
strict=TCP:127.0.0.1:$((base + 2))  # no empty client id, QoS at most 1
private=TCP:127.0.0.1:$((base + 3)) # nobody may subscribe to private/#
identity=OPENSSL:127.0.0.1:$((base + 4)),verify=0

# ---- The sessions --------------------------------------------------------------------------------

sessions=""

# Publish: QoS 0, 1 and 2; three messages in one connection.
start qos0-publish "$open" mosquitto_pub -i qos0-publish -t greeting -m 'Hello, world' -q 0
finish qos0-publish 0 'CONNECT PUBLISH:0 DISCONNECT' 'CONNACK:0'

start qos1-publish "$open" mosquitto_pub -i qos1-publish -t sensor/1/temperature -m 21.5 -q 1
finish qos1-publish 0 'CONNECT PUBLISH:1 DISCONNECT' 'CONNACK:0 PUBACK'

start qos2-publish "$open" mosquitto_pub -i qos2-publish -t meter/42/total -m 1234567 -q 2
finish qos2-publish 0 'CONNECT PUBLISH:2 PUBREL DISCONNECT' 'CONNACK:0 PUBREC PUBCOMP'

printf 'one\ntwo\nthree\n' >"$work/lines"
input=$work/lines
start lines-publish "$open" mosquitto_pub -i lines-publish -t lines -l -q 1
input=/dev/null
finish lines-publish 0 'CONNECT PUBLISH:1 PUBLISH:1 PUBLISH:1 DISCONNECT' \
    'CONNACK:0 PUBACK PUBACK PUBACK'

# Receive: QoS 0, 1 and 2.
start qos0-receive "$open" mosquitto_sub -i qos0-receive -t greeting -q 0 -C 2
await_packets qos0-receive server 'CONNACK:0 SUBACK:0'
publish -t greeting -m 'Hello, world' -q 0
publish -t greeting -m 'published at QoS 1, delivered at QoS 0' -q 1
finish qos0-receive 0 'CONNECT SUBSCRIBE DISCONNECT' 'CONNACK:0 SUBACK:0 PUBLISH:0 PUBLISH:0'

start qos1-receive "$open" mosquitto_sub -i qos1-receive -t sensor/1/temperature -q 1 -C 2
await_packets qos1-receive server 'CONNACK:0 SUBACK:1'
publish -t sensor/1/temperature -m 21.5 -q 1
await_packets qos1-receive client 'CONNECT SUBSCRIBE PUBACK'
publish -t sensor/1/temperature -m 21.75 -q 1
finish qos1-receive 0 'CONNECT SUBSCRIBE PUBACK PUBACK DISCONNECT' \
    'CONNACK:0 SUBACK:1 PUBLISH:1 PUBLISH:1'

start qos2-receive "$open" mosquitto_sub -i qos2-receive -t meter/42/total -q 2 -C 2
await_packets qos2-receive server 'CONNACK:0 SUBACK:2'
publish -t meter/42/total -m 1234567 -q 2
await_packets qos2-receive client 'CONNECT SUBSCRIBE PUBREC PUBCOMP'
publish -t meter/42/total -m 1234568 -q 2
finish qos2-receive 0 'CONNECT SUBSCRIBE PUBREC PUBCOMP PUBREC PUBCOMP DISCONNECT' \
    'CONNACK:0 SUBACK:2 PUBLISH:2 PUBREL PUBLISH:2 PUBREL'

# Both in one connection: a request and the response to it. mosquitto_rr ends without DISCONNECT.
start request-response "$open" mosquitto_rr -i request-response -t request -e response \
    -m 'What time is it?' -q 1
await_packets request-response server 'CONNACK:0 SUBACK:1 PUBACK'
publish -t response -m 'Ten past nine' -q 1
finish request-response 0 'CONNECT SUBSCRIBE PUBLISH:1 PUBACK' \
    'CONNACK:0 SUBACK:1 PUBACK PUBLISH:1'

# Payloads: empty, all 256 values of a byte, remaining lengths at the edge between one byte and two,
# and one of three bytes.
start empty-publish "$open" mosquitto_pub -i empty-publish -t empty -n -q 1
finish empty-publish 0 'CONNECT PUBLISH:1 DISCONNECT' 'CONNACK:0 PUBACK'

awk 'BEGIN { for (i = 0; i < 256; i++) printf "\\%03o", i }' >"$work/escapes"
# shellcheck disable=SC2059 # the file is the format
printf "$(cat "$work/escapes")" >"$work/binary"
start binary-receive "$open" mosquitto_sub -i binary-receive -t binary -N -C 1
await_packets binary-receive server 'CONNACK:0 SUBACK:0'
start binary-publish "$open" mosquitto_pub -i binary-publish -t binary -f "$work/binary"
finish binary-publish 0 'CONNECT PUBLISH:0 DISCONNECT' 'CONNACK:0'
finish binary-receive 0 'CONNECT SUBSCRIBE DISCONNECT' 'CONNACK:0 SUBACK:0 PUBLISH:0'

awk 'BEGIN { for (i = 121; i <= 122; i++) { text = sprintf("%" i "s", "."); gsub(/ /, "-", text)
    print text } }' >"$work/edge"
input=$work/edge
start length-edge-publish "$open" mosquitto_pub -i length-edge-publish -t edge -l
input=/dev/null
finish length-edge-publish 0 'CONNECT PUBLISH:0 PUBLISH:0 DISCONNECT' 'CONNACK:0'

awk 'BEGIN { for (i = 1; i <= 1000; i++) printf "line %04d of 1,000.\n", i }' >"$work/long"
start long-receive "$open" mosquitto_sub -i long-receive -t long -q 1 -C 1
await_packets long-receive server 'CONNACK:0 SUBACK:1'
start long-publish "$open" mosquitto_pub -i long-publish -t long -f "$work/long" -q 1
finish long-publish 0 'CONNECT PUBLISH:1 DISCONNECT' 'CONNACK:0 PUBACK'
finish long-receive 0 'CONNECT SUBSCRIBE PUBACK DISCONNECT' 'CONNACK:0 SUBACK:1 PUBLISH:1'

# Retained: set, delivered to a client that subscribes later, cleared while it is connected.
start retained-set "$open" mosquitto_pub -i retained-set -t door/front -m open -q 1 -r
finish retained-set 0 'CONNECT PUBLISH:1+retain DISCONNECT' 'CONNACK:0 PUBACK'
start retained-receive "$open" mosquitto_sub -i retained-receive -t door/+ -q 1 -C 2
await_packets retained-receive client 'CONNECT SUBSCRIBE PUBACK'
start retained-clear "$open" mosquitto_pub -i retained-clear -t door/front -n -q 1 -r
finish retained-clear 0 'CONNECT PUBLISH:1+retain DISCONNECT' 'CONNACK:0 PUBACK'
finish retained-receive 0 'CONNECT SUBSCRIBE PUBACK PUBACK DISCONNECT' \
    'CONNACK:0 SUBACK:1 PUBLISH:1+retain PUBLISH:1'

# Filters: several in one SUBSCRIBE, wildcards, a topic with empty levels.
start filters "$open" mosquitto_sub -i filters -t house/+/light -t garden/# -t + -t /+// -t exact \
    -q 1 -C 4
await_packets filters server 'CONNACK:0 SUBACK:1,1,1,1,1'
publish -t house/kitchen/light -m on
publish -t garden -m 'the parent level matches too'
publish -t garden/pond/pump/1 -m off
publish -t /x// -m 'empty levels'
finish filters 0 'CONNECT SUBSCRIBE DISCONNECT' \
    'CONNACK:0 SUBACK:1,1,1,1,1 PUBLISH:0 PUBLISH:0 PUBLISH:0 PUBLISH:0'

# A QoS lower than the one asked for; a subscription refused among others.
start granted-lower "$strict" mosquitto_sub -i granted-lower -t a -t b -q 2 -E
finish granted-lower 0 'CONNECT SUBSCRIBE DISCONNECT' 'CONNACK:0 SUBACK:1,1'

start subscribe-refused "$private" mosquitto_sub -i subscribe-refused -t public/news \
    -t private/diary -t public/weather -q 2 -E
finish subscribe-refused 0 'CONNECT SUBSCRIBE DISCONNECT' 'CONNACK:0 SUBACK:2,128,2'

# UTF-8 of two, three and four bytes a character, in topics, filters, payload and client id.
start utf8-receive "$open" mosquitto_sub -i 'клиент' -t 'θερμοκρασία/#' -t '温度/+' -t '🌡/🏠' -C 3
await_packets utf8-receive server 'CONNACK:0 SUBACK:0,0,0'
publish -t 'θερμοκρασία/Αθήνα' -m '31 °C'
publish -t '温度/北京' -m '零下五度'
start utf8-publish "$open" mosquitto_pub -i 'κλήση' -t '🌡/🏠' -m '21 °C 🙂'
finish utf8-publish 0 'CONNECT PUBLISH:0 DISCONNECT' 'CONNACK:0'
finish utf8-receive 0 'CONNECT SUBSCRIBE DISCONNECT' \
    'CONNACK:0 SUBACK:0,0,0 PUBLISH:0 PUBLISH:0 PUBLISH:0'

# Unsubscribe: from a filter, and from one that was never subscribed to.
start unsubscribe "$open" mosquitto_sub -i unsubscribe -t kept -t given/up/# -U given/up/# \
    -U never/had -q 1 -C 1
await_packets unsubscribe server 'CONNACK:0 SUBACK:1,1 UNSUBACK UNSUBACK'
publish -t given/up/1 -m 'not delivered' -q 1
publish -t kept -m delivered -q 1
finish unsubscribe 0 'CONNECT SUBSCRIBE UNSUBSCRIBE UNSUBSCRIBE PUBACK DISCONNECT' \
    'CONNACK:0 SUBACK:1,1 UNSUBACK UNSUBACK PUBLISH:1'

# Ping: after the 5 seconds of the keep alive; mosquitto_sub's own time-out, 27, ends it after 8.
start ping "$open" mosquitto_sub -i ping -t silence -k 5 -W 8
finish ping 27 'CONNECT SUBSCRIBE PINGREQ DISCONNECT' 'CONNACK:0 SUBACK:0 PINGRESP'

# User names and passwords, accepted and refused; an empty client id, accepted and refused.
start user-password "$users" mosquitto_pub -i user-password -u 'μαρία' -P 'κωδικός' -t login -m yes
finish user-password 0 'CONNECT PUBLISH:0 DISCONNECT' 'CONNACK:0'

start user-only "$open" mosquitto_pub -i user-only -u guest -t login -m yes
finish user-only 0 'CONNECT PUBLISH:0 DISCONNECT' 'CONNACK:0'

start empty-client-id "$open" mosquitto_sub -t a -E
finish empty-client-id 0 'CONNECT SUBSCRIBE DISCONNECT' 'CONNACK:0 SUBACK:0'

start refused-client-id "$strict" mosquitto_sub -t a -E
finish refused-client-id 2 CONNECT CONNACK:2

start refused-login "$identity" mosquitto_sub -i refused-login -t a -E
finish refused-login 4 CONNECT CONNACK:4

start refused-password "$users" mosquitto_sub -i refused-password -u 'μαρία' -P wrong -t a -E
finish refused-password 5 CONNECT CONNACK:5

start refused-user "$users" mosquitto_sub -i refused-user -u nobody -P secret -t a -E
finish refused-user 5 CONNECT CONNACK:5

start refused-anonymous "$users" mosquitto_sub -i refused-anonymous -t a -E
finish refused-anonymous 5 CONNECT CONNACK:5

# Will: its client is killed. A connected client gets the will. A later one gets it as retained.
start will-receive "$open" mosquitto_sub -i will-receive -t status/+ -q 2 -C 1
await_packets will-receive server 'CONNACK:0 SUBACK:2'
start will "$open" mosquitto_sub -i will -t a --will-topic status/will \
    --will-payload 'gone without a word' --will-qos 2 --will-retain
await_packets will server 'CONNACK:0 SUBACK:0'
read -r pid <"$work/will.pid"
kill -KILL "$pid"
finish will 137 'CONNECT SUBSCRIBE' 'CONNACK:0 SUBACK:0'
finish will-receive 0 'CONNECT SUBSCRIBE PUBREC PUBCOMP DISCONNECT' \
    'CONNACK:0 SUBACK:2 PUBLISH:2 PUBREL'
start will-retained "$open" mosquitto_sub -i will-retained -t status/will -q 0 -C 1
finish will-retained 0 'CONNECT SUBSCRIBE DISCONNECT' 'CONNACK:0 SUBACK:0 PUBLISH:0+retain'
publish -t status/will -n -r

# A will that is never sent: empty, QoS 1, not retained; its client sends DISCONNECT.
start will-unused "$open" mosquitto_sub -i will-unused -t a --will-topic 'διαθήκη' --will-qos 1 -E
finish will-unused 0 'CONNECT SUBSCRIBE DISCONNECT' 'CONNACK:0 SUBACK:0'

# A session that is kept: messages wait while its client is away.
start session-new "$open" mosquitto_sub -c -i session -t post/# -q 1 -E
finish session-new 0 'CONNECT SUBSCRIBE DISCONNECT' 'CONNACK:0 SUBACK:1'
publish -t post/1 -m 'first letter' -q 1
publish -t post/2 -m 'second letter' -q 2
start session-present "$open" mosquitto_sub -c -i session -t post/# -q 1 -C 3
await_packets session-present server 'CONNACK:0+present PUBLISH:1 PUBLISH:1 SUBACK:1'
publish -t post/3 -m 'third letter' -q 1
finish session-present 0 'CONNECT SUBSCRIBE PUBACK PUBACK PUBACK DISCONNECT' \
    'CONNACK:0+present PUBLISH:1 PUBLISH:1 SUBACK:1 PUBLISH:1'

# A client is stopped, so that it acknowledges nothing, and then killed. When it connects again, the
# messages come again, with DUP.
start unclean "$open" mosquitto_sub -c -i unclean -t parcel/# -q 2
await_packets unclean server 'CONNACK:0 SUBACK:2'
read -r pid <"$work/unclean.pid"
kill -STOP "$pid"
publish -t parcel/1 -m 'a box' -q 1
publish -t parcel/2 -m 'a bigger box' -q 2
await_packets unclean server 'CONNACK:0 SUBACK:2 PUBLISH:1 PUBLISH:2'
kill -KILL "$pid"
finish unclean 137 'CONNECT SUBSCRIBE' 'CONNACK:0 SUBACK:2 PUBLISH:1 PUBLISH:2'
start redelivery "$open" mosquitto_sub -c -i unclean -t parcel/# -q 2 -C 2
finish redelivery 0 'CONNECT SUBSCRIBE PUBACK PUBREC PUBCOMP DISCONNECT' \
    'CONNACK:0+present PUBLISH:1+dup PUBLISH:2+dup SUBACK:2 PUBREL'

# ---- MQTT 5.0 ------------------------------------------------------------------------------------

# Two messages with properties, the second with a topic alias for its topic, and one of QoS 2. Their
# receiver gets a subscription identifier of two bytes with each.
start v5-receive "$open" mosquitto_sub -i v5-receive -t sensor/# -q 2 -C 3 \
    -D connect receive-maximum 5 -D subscribe subscription-identifier 300 \
    -D subscribe user-property κλειδί τιμή
await_packets v5-receive server 'CONNACK:0 SUBACK:2'
printf '21.5\n21.75\n' >"$work/lines"
input=$work/lines
start v5-publish "$open" mosquitto_pub -i v5-publish -t sensor/1/temperature -l -q 1 \
    -D publish topic-alias 3 -D publish payload-format-indicator 1 \
    -D publish content-type text/plain -D publish user-property unit °C \
    -D publish user-property unit celsius -D disconnect user-property reason 'all sent'
input=/dev/null
finish v5-publish 0 'CONNECT PUBLISH:1 PUBLISH:1 DISCONNECT:0' 'CONNACK:0 PUBACK PUBACK'
await_packets v5-receive client 'CONNECT SUBSCRIBE PUBACK PUBACK'
start v5-qos2-publish "$open" mosquitto_pub -i v5-qos2-publish -t sensor/2/humidity -m 40 -q 2 \
    -x 60 -D disconnect session-expiry-interval 0
finish v5-qos2-publish 0 'CONNECT PUBLISH:2 PUBREL DISCONNECT:0' 'CONNACK:0 PUBREC PUBCOMP'
finish v5-receive 0 'CONNECT SUBSCRIBE PUBACK PUBACK PUBREC PUBCOMP DISCONNECT' \
    'CONNACK:0 SUBACK:2 PUBLISH:1 PUBLISH:1 PUBLISH:2 PUBREL'

# A request with a response topic, and the response with the same correlation data.
start v5-request-response "$open" mosquitto_rr -i v5-request-response -t request -e response \
    -m 'What time is it?' -q 1 -D publish correlation-data 'question 1'
await_packets v5-request-response server 'CONNACK:0 SUBACK:1 PUBACK:16'
start v5-response "$open" mosquitto_pub -i v5-response -t response -m 'Ten past nine' -q 1 \
    -D publish correlation-data 'question 1'
finish v5-response 0 'CONNECT PUBLISH:1 DISCONNECT' 'CONNACK:0 PUBACK'
finish v5-request-response 0 'CONNECT SUBSCRIBE PUBLISH:1 PUBACK' \
    'CONNACK:0 SUBACK:1 PUBACK:16 PUBLISH:1'

# A will with properties: its client is killed.
start v5-will-receive "$open" mosquitto_sub -i v5-will-receive -t status/+ -q 1 -C 1
await_packets v5-will-receive server 'CONNACK:0 SUBACK:1'
start v5-will "$open" mosquitto_sub -i v5-will -t a --will-topic status/will \
    --will-payload 'gone without a word' --will-qos 1 -D will content-type text/plain \
    -D will will-delay-interval 0 -D will user-property cause unknown
await_packets v5-will server 'CONNACK:0 SUBACK:0'
read -r pid <"$work/v5-will.pid"
kill -KILL "$pid"
finish v5-will 137 'CONNECT SUBSCRIBE' 'CONNACK:0 SUBACK:0'
finish v5-will-receive 0 'CONNECT SUBSCRIBE PUBACK DISCONNECT' 'CONNACK:0 SUBACK:1 PUBLISH:1'

# Reason codes of a failure: one of three filters, a filter that was never subscribed to, a password.
start v5-subscribe-refused "$private" mosquitto_sub -i v5-subscribe-refused -t public/news \
    -t private/diary -t public/weather -q 2 -E
finish v5-subscribe-refused 0 'CONNECT SUBSCRIBE DISCONNECT' 'CONNACK:0 SUBACK:2,135,2'

start v5-unsubscribe "$open" mosquitto_sub -i v5-unsubscribe -t kept -U kept -U never/had -q 1 -W 1
finish v5-unsubscribe 27 'CONNECT SUBSCRIBE UNSUBSCRIBE UNSUBSCRIBE DISCONNECT:4' \
    'CONNACK:0 SUBACK:1 UNSUBACK:0 UNSUBACK:17'

start v5-refused-password "$users" mosquitto_sub -i v5-refused-password -u 'μαρία' -P wrong -t a -E
finish v5-refused-password 135 CONNECT CONNACK:135

# ---- The files -----------------------------------------------------------------------------------

umask 022
mkdir -p "$output" || die "the output folder cannot be made"
for name in $sessions; do
    for side in client server; do
        cat "$work/$name.$side.bin" >"$output/$name.$side.bin" ||
            die "$name.$side.bin cannot be written"
    done
done
# shellcheck disable=SC2086 # the names are words
set -- $sessions
echo "record.sh: $# sessions recorded"
