#!/usr/bin/env python3
"""mosquitto_broker_v5_test.py BROKER_SESSION_V5: the mosquitto broker understands our packets of MQTT 5.0.

Starts a broker on a free port of 127.0.0.1 and lets broker_session_v5, in which all packets are
encoded and decoded by the codec, talk to it. The one exception, with its section, stands there.
"""

import pathlib
import subprocess
import sys
import tempfile

import peers
from mosquitto_broker_test import TRIES, free_ports, started


def converse(program, work):
    """What came of it; None if the broker could not be started."""
    (port,) = free_ports(1)
    log = work / "broker.log"
    configuration = work / "mosquitto.conf"
    configuration.write_text(
        f"user root\npersistence false\nlog_dest stderr\nlog_type all\n"
        f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="ascii")  # fmt: skip
    with open(log, "wb") as output:
        broker = subprocess.Popen(
            ["timeout", "--foreground", "-k", "5", "90", "mosquitto", "-c", str(configuration)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        if not started(broker, log):
            return None
        return subprocess.run(
            [program, str(port)], timeout=70, check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    finally:
        broker.terminate()
        broker.wait()


def main():
    peers.need("mosquitto", "timeout")
    peers.end_on_signals()
    with tempfile.TemporaryDirectory() as work:
        for _ in range(TRIES):
            done = converse(sys.argv[1], pathlib.Path(work))
            if done is not None:
                break
        log = pathlib.Path(work, "broker.log").read_text(encoding="utf-8", errors="replace")
    if done is None:
        peers.fail(f"mosquitto does not start: {log[-2000:]}")
    print(done.stdout.decode("utf-8", errors="replace"))
    if done.returncode != 0:
        print(log[-2000:])
        peers.fail(f"broker_session_v5 ended with {done.returncode}")


if __name__ == "__main__":
    main()
