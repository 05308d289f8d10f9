"""A copy of the repository whose functions have many bodies, one a mutant."""
import hashlib, json, os, re, shutil, subprocess
from collections import defaultdict

PROGRAMS = ["it", "corpus", "memory", "counts"]
TESTS = [argument for program in PROGRAMS for argument in ("--test", program)]
# What would always panic is to do so in a test, not to end the build.
ALLOWED = 'build.rustflags=["-Aarithmetic_overflow", "-Aunconditional_panic"]'
SETTINGS = ["profile.dev.package.redial.opt-level=1", "profile.dev.debug=false", ALLOWED]
BUILD = ["--offline", *(argument for setting in SETTINGS for argument in ("--config", setting))]
SWITCH = '''
extern crate std;
/// Which mutant runs. Where it is to say what is reached, it writes down each function's number the first time.
pub(crate) fn mutant(function: usize) -> u32 {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
    const UNKNOWN: u32 = u32::MAX;
    const REACH: u32 = u32::MAX - 1;
    static CHOSEN: AtomicU32 = AtomicU32::new(UNKNOWN);
    static REACHED: [AtomicBool; FUNCTIONS] = [const { AtomicBool::new(false) }; FUNCTIONS];
    static FILE: OnceLock<Option<std::fs::File>> = OnceLock::new();
    let mut chosen = CHOSEN.load(Relaxed);
    if chosen == UNKNOWN {
        let number = std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0);
        chosen = if std::env::var_os("MUTANT_REACH").is_some() { REACH } else { number };
        CHOSEN.store(chosen, Relaxed);
    }
    if chosen != REACH {
        return chosen;
    }
    if !REACHED[function].swap(true, Relaxed) {
        let open = || std::fs::File::options().append(true).create(true).open(std::env::var_os("MUTANT_REACH")?).ok();
        if let Some(mut file) = FILE.get_or_init(open).as_ref() {
            // In one piece, since other threads write, too; and not from the heap, since some tests count what is taken from it.
            let mut line = [0; 24];
            let mut rest = &mut line[..];
            let _ = std::io::Write::write_fmt(&mut rest, format_args!("{function}\\n"));
            let left = rest.len();
            let _ = std::io::Write::write_all(&mut file, &line[..24 - left]);
        }
    }
    0
}

/// An iterator or another, for functions that return `impl Iterator`.
pub(crate) enum Either<A, B> {
    One(A),
    Other(B),
}

impl<A: Iterator, B: Iterator<Item = A::Item>> Iterator for Either<A, B> {
    type Item = A::Item;

    fn next(&mut self) -> Option<A::Item> {
        match self {
            Self::One(one) => one.next(),
            Self::Other(other) => other.next(),
        }
    }
}
'''


def offset(text, place):
    """Offset of a 1-based line and column."""
    return sum(len(line) for line in text.splitlines(True)[: place["line"] - 1]) + place["column"] - 1


def span(text, of):
    return offset(text, of["span"]["start"]), offset(text, of["span"]["end"])


def body_of(text):
    """Where a function's head begins, and its body: the first brace outside all brackets after its name."""
    at = 0
    for line in text.splitlines(True):
        if not re.match(r"\s*(///|//|#\[)", line):
            break
        at += len(line)
    start, depth = text.index("fn ", at), 0
    for i in range(start, len(text)):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(text[i], 0)
        if text[i] == "{" and depth == 0:
            return at, i
    raise ValueError(text)


class Failed(Exception):
    """The compiler has something against it that no mutant explains."""


class Tree:
    """`mutants` share one build; each of `alone` needs one for itself."""

    def __init__(self, repository, out):
        self.repository, self.root = repository, os.path.join(out, "tree")
        listed = self.run(repository, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
        files = [f for f in listed.split("\0") if f and os.path.isfile(os.path.join(repository, f))]
        self.sources = {f: open(os.path.join(repository, f)).read() for f in files if f.startswith("src/")}
        for f in set(files) - set(self.sources):
            os.makedirs(os.path.dirname(os.path.join(self.root, f)), exist_ok=True)
            shutil.copy2(os.path.join(repository, f), os.path.join(self.root, f))
        self.digest = hashlib.sha256(json.dumps(sorted(self.sources.items())).encode()).hexdigest()
        self.mutants, self.alone, self.consts = {}, {}, {}

    @staticmethod
    def run(folder, *command):
        return subprocess.run(command, cwd=folder, capture_output=True, text=True)

    def plan(self, files, diff=None, limit=None):
        """Lists the mutants, and tells those that have a body of their own to stand in; gives how many are beyond the limit."""
        narrowed = [*(a for f in files for a in ("--file", f)), *(["--in-diff", diff] if diff else [])]
        listed = self.run(self.repository, "cargo", "mutants", "--list", "--json", *narrowed)
        if listed.returncode:
            raise Failed(listed.stderr[-3000:])
        # Where a diff touches no code, nothing at all is printed.
        mutants = json.loads(listed.stdout.strip() or "[]")
        limit = min(len(mutants), limit or len(mutants))
        for number, m in enumerate((mutants[i * len(mutants) // limit] for i in range(limit)), 1):
            text = self.sources[m["file"]]
            m.update(number=number, cut=span(text, m), const=None)
            self.alone[number] = m
            if not m.get("function"):
                continue
            start, end = span(text, m["function"])
            head, body = body_of(text[start:end])
            head, m["body"] = text[start + head : start + body], (start + body + 1, end - 1)
            # A leaked box gives another kind of reference than the rest of them, which they would all be blamed for.
            m["iterator"] = "-> impl Iterator" in head and "Box::leak" not in m["replacement"]
            if "-> impl" in head and not m["iterator"] or m["cut"][0] < m["body"][0] or m["cut"][1] > m["body"][1]:
                continue
            if found := re.search(r"const (?=fn (\w+))", head):
                m["const"] = found.group(1)
                self.consts[m["file"], start + body - len(head) + found.start()] = m["const"]
            self.mutants[number] = self.alone.pop(number)
        places = sorted({(m["file"], m["body"]) for m in self.mutants.values()})
        self.functions = {place: number for number, place in enumerate(places)}
        return len(mutants) - limit

    def function(self, mutant):
        return self.functions[mutant["file"], mutant["body"]]

    def write(self, alive, alone=None):
        """Writes the sources; gives for each file the lines of each copy, and the mutants it stands for."""
        where, by_file = defaultdict(list), defaultdict(lambda: defaultdict(list))
        for m in (self.mutants[n] for n in sorted(alive)):
            by_file[m["file"]][m["body"]].append(m)
        for file, text in self.sources.items():
            for at in [at for (of, at) in self.consts if of == file and not alone]:
                text = text[:at] + " " * len("const") + text[at + len("const") :]
            if alone and alone["file"] == file:
                text = text[: alone["cut"][0]] + alone["replacement"] + text[alone["cut"][1] :]
            text = Writer(text, by_file[file], where[file], lambda body: self.functions[file, body]).text()
            if file == "src/lib.rs":
                text += SWITCH.replace("FUNCTIONS", str(len(self.functions) + 1))
            target = os.path.join(self.root, file)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            # What stays the same is not built again.
            if not os.path.exists(target) or open(target).read() != text:
                open(target, "w").write(text)
        return where

    def errors(self, *what):
        run = self.run(self.root, "cargo", "check", *BUILD, *what, "--message-format=json")
        messages = [json.loads(line).get("message") or {} for line in run.stdout.splitlines() if line.startswith("{")]
        errors = [m for m in messages if m.get("level") == "error" and m.get("spans")]
        if run.returncode and not errors:
            raise Failed(run.stderr[-3000:])
        return errors

    def free_consts(self):
        """Makes `const fn` plain, but for those that are needed so: their mutants go elsewhere."""
        while True:
            self.write([])
            errors = self.errors(*TESTS)
            if not errors:
                break
            names = {name.split("::")[-1] for e in errors for name in re.findall(r"`([^`]+)`", e["message"])}
            needed = {place for place, name in self.consts.items() if name in names}
            if not needed:
                raise Failed(errors[0]["rendered"])
            self.consts = {place: name for place, name in self.consts.items() if place not in needed}
        for n in [n for n, m in self.mutants.items() if m["const"] and m["const"] not in self.consts.values()]:
            self.alone[n] = self.mutants.pop(n)

    def compile(self, unviable):
        """Takes out what does not compile until the rest does; gives what is left, and why the others are not."""
        alive = set(self.mutants) - set(unviable)
        while True:
            where = self.write(alive)
            errors = self.errors("--lib")
            if not errors:
                return alive, unviable
            gone = {}
            for e in errors:
                for at in (at for at in e["spans"] if at["is_primary"]):
                    copies = [c for c in where[at["file_name"]] if c[0] <= at["line_start"] <= c[1]]
                    # The innermost, for functions that stand in others.
                    innermost = min(copies, key=lambda copy: copy[1] - copy[0], default=(0, 0, []))[2]
                    gone.update({m["number"]: e["message"] for m in innermost if m["number"] in alive})
            if not gone:
                raise Failed(errors[0]["rendered"])
            alive -= set(gone)
            unviable = {**unviable, **gone}

    def build(self):
        """The programs of the tests by name."""
        run = self.run(self.root, "cargo", "test", *BUILD, *TESTS, "--no-run")
        found = dict(re.findall(r"Executable tests/(\w+)\S* \((.*)\)", run.stderr))
        if len(found) < len(PROGRAMS):
            raise Failed(run.stderr[-3000:])
        return {program: os.path.join(self.root, path) for program, path in found.items()}


class Writer:
    """One file, each of its functions with all its bodies."""

    def __init__(self, source, bodies, where, function):
        self.source, self.bodies, self.where, self.function = source, sorted(bodies.items()), where, function
        self.out, self.line = [], 1

    def add(self, text):
        self.out.append(text)
        self.line += text.count("\n")

    def text(self):
        self.between(0, len(self.source))
        return "".join(self.out)

    def between(self, start, end):
        """What stands there, with the functions that are in it."""
        whole = (start, end)
        for body, mutants in self.bodies:
            if start <= body[0] and body[1] <= end and body != whole:
                self.add(self.source[start : body[0]])
                self.body(*body, mutants)
                start = body[1]
        self.add(self.source[start:end])

    def body(self, start, end, mutants):
        self.add(f"\nmatch crate::mutant({self.function((start, end))}) {{\n")
        # Copies have one type, but for iterators: the first is one or another, the second that of another, and so on.
        depth, (one, other, close) = 0, ("crate::Either::One(", "crate::Either::Other(", ")") if mutants[0]["iterator"] else ("",) * 3
        for m in mutants:
            first, (cut, rest) = self.line, m["cut"]
            copy = f"{self.source[start:cut]}{m['replacement']}{self.source[rest:end]}"
            self.add(f"{m['number']} => {other * depth}{one}{{{copy}\n}}{close * (depth + 1)},\n")
            self.where.append((first, self.line - 1, [m]))
            depth += 1
        first = self.line
        self.add(f"_ => {other * depth}{{")
        self.between(start, end)
        self.add(f"\n}}{close * depth},\n}}\n")
        self.where.append((first, self.line, mutants))
