"""What the tests reach and cost, and what they say about a mutant."""
import os, re, resource, signal, subprocess, tempfile, threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

WORKERS = int(os.environ.get("WORKERS", "2"))
# Seconds of CPU from which a test is slow.
SLOW = 0.3
# Other programs have times of their own, and `tidy` reads the source.
LEFT_OUT = {"durable", "pipe", "tidy"}
# Sizes at which the slow layers still see everything they ask to have seen; a failure is not made small.
SIZES = {
    "SIM_SEEDS": "300",
    "REDIAL_STATES": "1100",
    "PROPTEST_CASES": "20",
    "PROPTEST_RNG_SEED": "1",
    "PROPTEST_MAX_SHRINK_ITERS": "0",
}
MEMORY = 3 << 29


def run(program, names, seconds, **env):
    """How tests of one program end, killed at the first failure: caught, missed or timeout, by which, and their CPU time."""

    def limit():
        for what, much in (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0):
            resource.setrlimit(what, (much, much))

    p = subprocess.Popen(
        [program, "--exact", *names],
        env=dict(os.environ, RUST_BACKTRACE="0", RUST_TEST_THREADS="1", **SIZES, **env),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        preexec_fn=limit,
    )
    # What hangs without working is not stopped by a limit of CPU time.
    watchdog = threading.Timer(seconds * 10 + 60, os.kill, (p.pid, signal.SIGKILL))
    watchdog.start()
    failed, last = None, names[0]
    for line in p.stdout:
        if found := re.match(r"test (\S+).* \.\.\. (ok|FAILED)", line):
            last = found.group(1)
            if found.group(2) == "FAILED":
                failed = last
                os.kill(p.pid, signal.SIGKILL)
                break
    p.stdout.close()
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    watchdog.cancel()
    cpu = used.ru_utime + used.ru_stime
    if failed:
        return "caught", failed, cpu
    if p.returncode == 0:
        return "missed", None, cpu
    if p.returncode in (-signal.SIGKILL, -signal.SIGXCPU):
        return "timeout", f"after {last}", cpu
    return "caught", f"exit {p.returncode} after {last}", cpu


class Tests:
    """A test is a program and a name."""

    def __init__(self, programs):
        self.programs, self.cost, self.reach, self.failing = programs, {}, defaultdict(list), {}
        tests = []
        for program, path in programs.items():
            lines = subprocess.run([path, "--list"], capture_output=True, text=True).stdout.splitlines()
            names = [line.removesuffix(": test") for line in lines if line.endswith(": test")]
            tests += [(program, name) for name in names if name.split("::")[0] not in LEFT_OUT]
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(self.measure, tests))

    def measure(self, test):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "reach")
            run(self.programs[test[0]], [test[1]], 300, MUTANT_REACH=file)
            reached = set(map(int, open(file).read().split())) if os.path.exists(file) else set()
        outcome, by, cpu = run(self.programs[test[0]], [test[1]], 300, MUTANT="0")
        if outcome != "missed":
            self.failing[test] = by
            return
        self.cost[test] = cpu
        for function in reached:
            self.reach[function].append(test)

    def chunks(self, tests):
        """Tests of one program each, quickest first, every chunk a few times as long as the one before."""
        chunk, size = [], 0.1
        for test in sorted(tests, key=self.cost.get):
            if chunk and (chunk[-1][0] != test[0] or sum(map(self.cost.get, chunk)) > size):
                yield chunk
                chunk, size = [], size * 3
            chunk.append(test)
        if chunk:
            yield chunk

    def judge(self, number, tests, programs=None):
        """What these tests say about a mutant: its outcome, and by which of them."""
        for chunk in self.chunks(tests):
            seconds = int(sum(map(self.cost.get, chunk)) * 3) + 2
            program = (programs or self.programs)[chunk[0][0]]
            outcome, by, _ = run(program, [name for _, name in chunk], seconds, MUTANT=str(number))
            if outcome != "missed":
                return outcome, by
        return "missed", None

    def quick(self, tests):
        return [test for test in tests if self.cost[test] <= SLOW]

    def slow(self, tests):
        return [test for test in tests if self.cost[test] > SLOW]
