#!/usr/bin/env python3
"""A durable client in another language: `stdio` is the session, SQLite the store, this program the host.

Kill it at any moment and start it again: it loses nothing and shows nothing twice. It needs Python's own library only.

  cargo run --example serve -- --preset uni_app --addr 127.0.0.1:7420
  python3 examples/stdio/client.py target/debug/examples/stdio 127.0.0.1:7420 ana ana.db 100 100

The words are: the program `stdio`, the server, a name, a database, how many messages to say, how many to wait for."""
import base64, collections, json, os, secrets, select, socket, sqlite3, struct, subprocess, sys, time

if len(sys.argv) != 7:
    sys.exit(__doc__)
program, server, name, path = sys.argv[1:5]
says, awaits = int(sys.argv[5]), int(sys.argv[6])
CONFIG = {"durability": "write_ahead", "inbox": {"deliver": "content"}, "authentication": {"credential": "held"},
          "outbox": {"while_down": "queue", "resend": "next_connection", "in_flight": 32, "receipt_timeout_ms": 20000},
          "reconnect": {"again": {"base_ms": 200, "cap_ms": 2000, "percent": 200}, "jitter": "equal",
                        "first": dict.fromkeys(["closed_ms", "dead_ms", "errored_ms", "heartbeat_failed_ms"], 100)}}
db = sqlite3.connect(path, isolation_level=None)
db.executescript("""
    CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS stored (at REAL NOT NULL);
    CREATE TABLE IF NOT EXISTS said (id TEXT PRIMARY KEY, text TEXT NOT NULL, status TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS shown (id TEXT NOT NULL, text TEXT NOT NULL);""")
session = subprocess.Popen([program, "--preset", "uni_app"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
wire, connection, deadline, inputs = None, None, None, collections.deque()
start = time.monotonic()


class Wire:
    """As much of RFC 6455 as this client needs: a handshake, masked frames out, whole frames in."""

    def __init__(self, query):
        host, port = server.rsplit(":", 1)
        self.raw, self.bytes = socket.create_connection((host, int(port)), timeout=5), b""
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET /socket?{query} HTTP/1.1", f"Host: {server}", "Connection: Upgrade", "Upgrade: websocket",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        self.raw.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self.bytes:
            self.read()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101"):
            raise OSError("the server does not speak WebSocket")

    def read(self):
        more = self.raw.recv(65536)
        if not more:
            raise OSError("the server is gone")
        self.bytes += more

    def write(self, opcode, payload):
        size, mask = len(payload), os.urandom(4)
        length = struct.pack(">B", 128 | size) if size < 126 else struct.pack(">BQ", 255, size)
        if 126 <= size < 65536:
            length = struct.pack(">BH", 254, size)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.raw.sendall(bytes([128 | opcode]) + length + mask + masked)

    def frames(self):
        while len(self.bytes) >= 2:
            size, at = self.bytes[1] & 127, 2
            if size > 125:
                at, form = (4, ">H") if size == 126 else (10, ">Q")
                if len(self.bytes) < at:
                    return
                size, = struct.unpack(form, self.bytes[2:at])
            if len(self.bytes) < at + size:
                return
            first, payload, self.bytes = self.bytes[0], self.bytes[at:at + size], self.bytes[at + size:]
            if first & 240 != 128:
                raise OSError("the server sends fragments, which this client does not join")
            yield first & 15, payload


OPCODES = {"text": 1, "binary": 2, "ping": 9, "pong": 10}


def play(line):
    """Plays one line, and returns all that comes out of it; the deadline comes last."""
    global deadline
    session.stdin.write(json.dumps(line) + "\n")
    session.stdin.flush()
    outputs = []
    while True:
        output = json.loads(session.stdout.readline())
        if "next_deadline_ms" in output:
            deadline = output["next_deadline_ms"]
            return outputs
        if output.get("code", "full") != "full":
            sys.exit(output["error"])
        outputs.append(output)


def do(line, text=None):
    """Store, then act: takes all actions, stores what they carry in one transaction, carries them out."""
    outputs = play(line)
    actions = [output["action"] for output in outputs if "action" in output]
    versions = [action["version"] for action in actions if action["type"] == "persist"]
    if versions:
        answer = play({"query": {"type": "changes"}})[0]
        db.execute("BEGIN IMMEDIATE")
        if answer.get("whole"):
            db.execute("DELETE FROM records")
        for key, value in answer["changes"].items():
            db.execute("DELETE FROM records WHERE key = ?", [key])
            if value is not None:
                db.execute("INSERT INTO records VALUES (?, ?)", [key, json.dumps(value)])
        db.execute("DELETE FROM stored")
        db.execute("INSERT INTO stored VALUES (?)", [time.time()])
        ids = [output["id"] for output in outputs if "id" in output]
        db.executemany("INSERT INTO said VALUES (?, ?, 'taken')", [[id, text] for id in ids])
        for action in actions:
            if action["type"] == "deliver":
                db.execute("INSERT INTO shown VALUES (?, ?)", [action["id"], action["body"]])
            elif action["type"] == "status":
                db.execute("UPDATE said SET status = ? WHERE id = ?", [action["status"], action["id"]])
        db.execute("COMMIT")
    for action in actions:
        act(action)
    if versions:
        inputs.appendleft({"call": {"type": "persisted", "version": versions[-1]}})


def act(action):
    global wire, connection
    try:
        if action["type"] == "connect":
            connection = action["connection"]
            wire = Wire(action["query"])
            inputs.append({"event": {"type": "opened", "connection": connection}})
        elif action["type"] == "send" and wire:
            (kind, value), = action["frame"].items()
            wire.write(OPCODES[kind], value.encode() if kind == "text" else base64.b64decode(value))
        elif action["type"] in ("close", "abort"):
            hang_up()
    except OSError:
        lost()


def hang_up():
    global wire
    if wire:
        wire.raw.close()
    wire = None


def lost():
    hang_up()
    inputs.append({"event": {"type": "errored", "connection": connection}})


def listen(seconds):
    """Waits for frames so long, and makes events of them."""
    if not wire:
        return time.sleep(seconds)
    try:
        if select.select([wire.raw], [], [], seconds)[0]:
            wire.read()
        for opcode, payload in wire.frames():
            kind = {code: kind for kind, code in OPCODES.items()}.get(opcode)
            if not kind:
                raise OSError("the server closes")
            value = payload.decode() if kind == "text" else base64.b64encode(payload).decode()
            inputs.append({"event": {"type": "frame_in", "connection": connection, "frame": {kind: value}}})
    except OSError:
        lost()


header = {"redial": 1, "preset": "uni_app", "seed": secrets.token_hex(16), "config": CONFIG}
for at, in db.execute("SELECT at FROM stored"):
    header["snapshot"] = {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM records")}
    header["away_ms"] = max(0, int((time.time() - at) * 1000))
do(header)
inputs += [{"call": {"type": "credential", "value": name}}, {"call": {"type": "open"}}]
while True:
    now = int((time.monotonic() - start) * 1000)
    while inputs:
        do(dict(inputs.popleft(), now_ms=now))
    said, open_, = db.execute("SELECT count(*), total(status IN ('taken', 'queued', 'sent')) FROM said").fetchone()
    if said < says:
        text = f"{name} says {said}"
        do({"now_ms": now, "call": {"type": "send", "body": text}}, text)
    elif not open_ and db.execute("SELECT count(*) FROM shown").fetchone()[0] >= awaits and not inputs:
        break
    listen(0.01 if deadline is None else min(max(deadline - now, 0) / 1000, 0.01))
    inputs.append({"event": {"type": "tick"}})
