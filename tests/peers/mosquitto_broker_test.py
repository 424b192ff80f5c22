#!/usr/bin/env python3
"""mosquitto_broker_test.py SESSION: the mosquitto broker understands our clients.

Starts a broker on free ports of 127.0.0.1 and lets broker_session or broker_session_v5, in which all
packets are encoded and decoded by the codec, talk to it. The one exception, of MQTT 5.0, stands there.
"""

import glob
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import peers

SECONDS = 30
TRIES = 5
USER, PASSWORD = "μαρία", "κωδικός"

# Messages may go everywhere, but subscriptions to what is private are refused.
RESTRICTIONS = {
    "defaultACLAccess": {
        "publishClientSend": True, "publishClientReceive": True, "subscribe": True,
        "unsubscribe": True,
    },
    "clients": [],
    "groups": [{"groupname": "guests", "roles": [{"rolename": "guest"}]}],
    "roles": [{
        "rolename": "guest",
        "acls": [{"acltype": "subscribePattern", "topic": "private/#", "allow": False}],
    }],
    "anonymousGroup": "guests",
}  # fmt: skip


def find_plugin():
    for folder in ("/usr/lib/*", "/usr/lib", "/usr/local/lib"):
        for plugin in glob.glob(f"{folder}/mosquitto_dynamic_security.so"):
            return plugin
    return peers.skip("needs mosquitto_dynamic_security.so")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def configure(work, plugin, port, restricted_port):
    """The broker's files. Started by root it would become a user who may not read them."""
    passwords = work / "passwords"
    restrictions = work / "restrictions.json"
    peers.run(["mosquitto_passwd", "-c", "-b", str(passwords), USER, PASSWORD])
    restrictions.write_text(json.dumps(RESTRICTIONS), encoding="ascii")
    configuration = work / "mosquitto.conf"
    configuration.write_text(f"""
user root
persistence false
log_dest stderr
log_type all
per_listener_settings true

listener {port} 127.0.0.1
allow_anonymous false
password_file {passwords}

listener {restricted_port} 127.0.0.1
allow_anonymous true
plugin {plugin}
plugin_opt_config_file {restrictions}
""", encoding="ascii")  # fmt: skip
    return configuration


def started(broker, log):
    """False: a port has been taken by someone else in the meantime."""
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        if b" running" in log.read_bytes():
            return True
        if broker.poll() is not None:
            return False
        time.sleep(0.05)
    return peers.fail(f"mosquitto is not running after {SECONDS} seconds")


def converse(program, work, plugin):
    """What came of it; None if the broker could not be started."""
    ports = free_ports(2)
    log = work / "broker.log"
    with open(log, "wb") as output:
        # Should this script be killed, the broker ends all the same.
        broker = subprocess.Popen(
            ["timeout", "--foreground", "-k", "5", "90", "mosquitto",
             "-c", str(configure(work, plugin, *ports))],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        if not started(broker, log):
            return None
        return subprocess.run(
            [program, *map(str, ports)], timeout=70, check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    finally:
        broker.terminate()
        broker.wait()


def main():
    peers.need("mosquitto", "mosquitto_passwd", "timeout")
    peers.end_on_signals()
    plugin = find_plugin()
    with tempfile.TemporaryDirectory() as work:
        for _ in range(TRIES):
            done = converse(sys.argv[1], pathlib.Path(work), plugin)
            if done is not None:
                break
        log = pathlib.Path(work, "broker.log").read_text(encoding="utf-8", errors="replace")
    if done is None:
        peers.fail(f"mosquitto does not start: {log[-2000:]}")
    print(done.stdout.decode("utf-8", errors="replace"))
    if done.returncode != 0:
        print(log[-2000:])
        peers.fail(f"{sys.argv[1]} ended with {done.returncode}")


if __name__ == "__main__":
    main()
