#!/usr/bin/env python3
"""Mutation testing of the program: changes one thing at a time in programs/settlement/src and checks that a test fails.

    mutants.py [--shard K/N] [--diff REF] [--file GLOB]... [--match REGEX] [--missed] [--resume] [--native] [--list]

After env.sh and "setup.sh --with cargo-mutants"; "make mutants" does both. The mutants are those that cargo-mutants lists,
plus three kinds that it doesn't: a deleted statement, a deleted constraint of an account, and a signer that need not sign.
They are applied in a copy of the checkout, ${CARGO_TARGET_DIR:-target}/mutants/tree.

A mutant of code that also runs natively is tested by the unit tests and the tests in NATIVE_TESTS. If they pass, and for all
other code, the program is built and PROGRAM_TESTS run with it in LiteSVM. These test binaries are built once, from unchanged
sources, so that a mutant can't change what they expect.

Results, per mutant:
    caught     a test failed
    timeout    a test took too long, which counts as caught
    unviable   the mutant does not compile
    same       the mutant compiles to the same program, and its code runs only on-chain
    explained  no test failed, and programs/settlement/mutants.toml says why none can or should
    missed     no test failed

Exit code: 0 if nothing was missed, 1 on an error, 2 if a mutant was missed or an explanation is out of date.
"""

import argparse
import collections
import fcntl
import fnmatch
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = "programs/settlement"
EXPLANATIONS = f"{PACKAGE}/mutants.toml"
# Not part of the program, or only text.
EXCLUDED = ("client/*", "security.rs")
# Code that the native tests run as well.
NATIVE = ("rules/*", "fast_path/*", "state/*", "destination.rs", "reserved.rs")
ONLY_ON_CHAIN = ("fast_path/host.rs",)
NATIVE_TESTS = ("rules", "fast_path_input")
PROGRAM_TESTS = ("program", "property")
BUILD_LIMIT_SECONDS = 900
# A test run may take this many times as long as with unchanged code.
TEST_LIMIT_FACTOR = 4
TEST_LIMIT_MIN_SECONDS = 60
CAUGHT, TIMEOUT, UNVIABLE, SAME, EXPLAINED, MISSED = "caught", "timeout", "unviable", "same", "explained", "missed"
OUTCOMES = (CAUGHT, TIMEOUT, UNVIABLE, SAME, EXPLAINED, MISSED)


class MutantsError(Exception):
    """Why the run can't continue."""


# ---- mutants ----------------------------------------------------------------------------------------------------------
@dataclass
class Mutant:
    """A replacement of `text[start:end]` of a file."""

    file: str  # relative to the package's src/
    start: int
    end: int
    replacement: str
    what: str  # without line numbers
    line: int  # 1-based
    code: str  # the line in question
    outcome: str = ""
    by: str = ""
    seconds: float = 0.0

    @property
    def name(self):
        return f"src/{self.file}:{self.line}: {self.what}"

    @property
    def key(self):
        return (self.file, self.what, self.code)

    @property
    def identity(self):
        """The mutant in unchanged sources."""
        return (self.file, self.start, self.end, self.replacement, self.what, self.code)

    @property
    def is_native(self):
        return matches(self.file, NATIVE) and not matches(self.file, ONLY_ON_CHAIN)


def matches(file, globs):
    return any(fnmatch.fnmatch(file, glob) for glob in globs)


def masked(text):
    """The text with comments and literals replaced by spaces of the same length."""
    pattern = re.compile(
        r"""//[^\n]*|/\*.*?\*/|b?r(\#*)".*?"\1|b?c?"(?:\\.|[^"\\])*"|b?'(?:\\[^\n]*?|[^'\\\n])'(?!\w)""", re.DOTALL
    )
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def shipped(text):
    """The text up to the unit tests."""
    return text.split("#[cfg(test)]\nmod tests", 1)[0]


def closing(text, start):
    """The position of the bracket that closes the one at `start`."""
    depth = 0
    for position in range(start, len(text)):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise MutantsError("unbalanced brackets")


# What a statement that is deleted does not start with. Assertions are evaluated at compile time.
KEYWORDS = (
    "assert debug_assert let use return const static fn pub mod type break continue struct enum impl trait unsafe extern "
    "async while for loop if match else crate macro_rules where"
).split()


def statements(text):
    """The spans of expression statements in function bodies: calls, macros and assignments whose value is not used."""
    text = masked(text)
    stack, start = [], 0  # the open brackets with the start of the statement around each
    for position, char in enumerate(text):
        if char in ")]}":
            start = stack.pop()[1]
        if char in "{};" and (not stack or stack[-1][0] == "{"):
            statement = text[start:position]
            first = start + len(statement) - len(statement.lstrip())
            word = re.match(r"\*?(?:r#)?([a-z_A-Z]\w*)", text[first:position])
            if char == ";" and stack and word and word[1] not in KEYWORDS:
                yield first, position
            start = position + 1
        if char in "([{":
            stack.append((char, start))
            start = position + 1


def constraints(text):
    """The spans of constraints in #[account(...)], with what they are."""
    text_masked = masked(text)
    for found in re.finditer(r"#\[account\(", text_masked):
        begin, end = found.end(), closing(text_masked, found.end() - 1)
        parts, start, depth = [], begin, 0
        for position in range(begin, end + 1):
            char = text_masked[position]
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(char, 0)
            if (char == "," and depth == 0) or position == end:
                if text_masked[start:position].strip():
                    parts.append((start, min(position + 1, end)))
                start = position + 1
        word = lambda part: re.match(r"\s*([\w:]*)", text_masked[part[0] : part[1]])[1]
        words = [word(part) for part in parts]
        for part, name in zip(parts, words):
            if name in ("has_one", "constraint", "address", "owner"):
                yield [part], " ".join(text[part[0] : part[1]].strip(" \n,").split())
        if "seeds" in words and not any(name.startswith("init") for name in words):
            spans = [part for part, name in zip(parts, words) if name in ("seeds", "seeds::program", "bump")]
            yield spans, "seeds"


def own_mutants(file, text):
    """The mutants that cargo-mutants does not list."""
    text = shipped(text)
    text_masked = masked(text)

    def mutant(start, end, replacement, what):
        line = text.count("\n", 0, start) + 1
        return Mutant(file, start, end, replacement, what, line, text.splitlines()[line - 1].strip())

    def enclosing(keyword, position):
        names = re.findall(rf"\b{keyword}\s+(\w+)", text_masked[:position])
        return names[-1] if names else "?"

    for start, end in statements(text):
        code = " ".join(text[start:end].split())
        code = code if len(code) <= 90 else code[:87] + "..."
        yield mutant(start, end, "()", f"delete statement {code} in {enclosing('fn', start)}")
    for spans, what in constraints(text):
        start, end = spans[0][0], spans[-1][1]
        kept, position = "", start
        for span in spans:
            kept += text[position : span[0]]
            position = span[1]
        account = re.search(r"pub (\w+):", text_masked[end:])
        yield mutant(
            start + len(text[start:end]) - len(text[start:end].lstrip()), end, kept,
            f"delete constraint {what} of {account[1] if account else '?'} in {enclosing('struct', start)}",
        )
    for found in re.finditer(r"pub (\w+): (Signer)<'info>", text_masked):
        what = f"don't require the signature of {found[1]} in {enclosing('struct', found.start())}"
        yield mutant(found.start(2), found.end(2), "UncheckedAccount", what)


def listed_mutants(tree, files):
    """The mutants that cargo-mutants lists."""
    command = ["cargo-mutants", "mutants", "--no-config", "--list", "--json", "--colors=never", "--dir", f"{tree}/{PACKAGE}"]
    command += [argument for file in files for argument in ("--file", f"{PACKAGE}/src/{file}")]
    listed = subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, text=True, check=False)
    if listed.returncode:
        raise MutantsError("cargo-mutants failed, see above")
    texts = {}
    for item in json.loads(listed.stdout):
        file = item["file"].split(f"{PACKAGE}/", 1)[-1].removeprefix("src/")
        text = texts.setdefault(file, read(f"{tree}/{PACKAGE}/src/{file}"))
        lines = text.splitlines(keepends=True)
        offset = lambda at: sum(len(line) for line in lines[: at["line"] - 1]) + at["column"] - 1
        line = item["span"]["start"]["line"]
        what = re.sub(r"^\S+\.rs:\d+:\d+: ", "", item["name"])
        yield Mutant(
            file, offset(item["span"]["start"]), offset(item["span"]["end"]), item["replacement"], what, line,
            lines[line - 1].strip(),
        )


def changed_lines(ref):
    """The lines that differ from the merge base with a revision, by file below the package's src/."""
    diff = git("diff", "-U0", "--no-color", "--no-ext-diff", "--merge-base", ref, "--", f"{PACKAGE}/src")
    changed, file = collections.defaultdict(set), None
    for line in diff.splitlines():
        if line.startswith("+++ "):
            file = line.removeprefix(f"+++ b/{PACKAGE}/src/")
        elif found := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(found[1]), int(found[2] or 1)
            changed[file].update(range(first, first + count))
    return changed


def find_mutants(tree, options):
    source = f"{tree}/{PACKAGE}/src"
    files = sorted(
        os.path.relpath(os.path.join(folder, name), source)
        for folder, _, names in os.walk(source) for name in names if name.endswith(".rs")
    )
    files = [file for file in files if not matches(file, EXCLUDED)]
    globs = [glob.removeprefix(f"{PACKAGE}/").removeprefix("src/") for glob in options.file]
    if globs:
        files = [file for file in files if matches(file, globs)]
        if not files:
            raise MutantsError(f"no source file matches {' '.join(options.file)}")
    mutants = list(listed_mutants(tree, files))
    for file in files:
        mutants += own_mutants(file, read(f"{source}/{file}"))
    mutants.sort(key=lambda mutant: (mutant.file, mutant.start, mutant.end, mutant.what))
    if options.diff:
        changed = changed_lines(options.diff)
        texts = {file: read(f"{source}/{file}") for file in files}
        last = lambda mutant: mutant.line + texts[mutant.file].count("\n", mutant.start, mutant.end)
        mutants = [m for m in mutants if not changed[m.file].isdisjoint(range(m.line, last(m) + 1))]
    if options.match:
        mutants = [mutant for mutant in mutants if re.search(options.match, mutant.name)]
    if options.native:
        mutants = [mutant for mutant in mutants if mutant.is_native]
    if options.shard:
        index, count = options.shard
        mutants = mutants[index - 1 :: count]
    return mutants


def hash_of_inputs(tree):
    """A hash over the program's sources and tests."""
    total = hashlib.sha256()
    for folder, folders, names in os.walk(f"{tree}/{PACKAGE}"):
        folders.sort()
        for name in sorted(names):
            total.update(f"{folder}/{name} {file_hash(f'{folder}/{name}')}\n".encode())
    return total.hexdigest()


def earlier_results(path):
    """The outcome of each mutant of the last run."""
    if not os.path.exists(path):
        raise MutantsError("there are no results of an earlier run")
    fields = ("file", "start", "end", "replacement", "what", "code")
    return {
        tuple(item[name] for name in fields): (item["outcome"], item["by"], item["seconds"])
        for item in json.loads(read(path))
    }


# ---- running ----------------------------------------------------------------------------------------------------------
def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def git(*arguments):
    """The output of a git command. The checkout may belong to another user, as in a CI container."""
    command = ["git", "-c", f"safe.directory={ROOT}", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise MutantsError(f"'git {' '.join(arguments)}' failed, see above")
    return done.stdout


def run(command, limit, log, cwd, env):
    """Runs a command with its output in a file. Returns its exit code, or None if it exceeded the time limit."""
    with open(log, "ab") as output:
        output.write(f"\n$ {' '.join(command)}\n".encode())
        output.flush()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@dataclass
class Runner:
    """Builds and tests in the copy of the checkout."""

    target: str
    limits: dict = field(default_factory=dict)
    binaries: dict = field(default_factory=dict)
    program_hash: str = ""

    def __post_init__(self):
        self.tree, self.logs = f"{self.target}/tree", f"{self.target}/log"
        self.so = f"{self.target}/deploy/settlement.so"
        # Only the program's own crate is rebuilt for a mutant, which incremental compilation makes faster.
        self.env = os.environ | {
            "CARGO_TARGET_DIR": self.target, "CARGO_INCREMENTAL": "1", "CARGO_PROFILE_DEV_DEBUG": "false",
            "CARGO_TERM_COLOR": "never", "WILLIW_PROGRAM_SO": self.so, "RUST_BACKTRACE": "0",
        }

    def copy_tree(self):
        """Copies tracked and new files. Their time is now: cargo must not take a mutant's artifacts for theirs."""
        shutil.rmtree(self.tree, ignore_errors=True)
        os.makedirs(self.tree)
        listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        for name in filter(None, listed.split("\0")):
            if os.path.lexists(f"{ROOT}/{name}"):
                os.makedirs(os.path.dirname(f"{self.tree}/{name}"), exist_ok=True)
                shutil.copyfile(f"{ROOT}/{name}", f"{self.tree}/{name}", follow_symlinks=False)
                if not os.path.islink(f"{self.tree}/{name}"):
                    shutil.copymode(f"{ROOT}/{name}", f"{self.tree}/{name}")
        shutil.rmtree(self.logs, ignore_errors=True)
        os.makedirs(self.logs)

    def build_tests(self, targets, log):
        """Builds test targets ("lib" for the unit tests). Returns their binaries, or None if they don't compile."""
        names = [argument for name in targets for argument in (["--lib"] if name == "lib" else ["--test", name])]
        command = ["cargo", "test", "-q", "--locked", "-p", "settlement", "--no-run", "--message-format=json-render-diagnostics"]
        with open(log, "ab") as output:
            try:
                built = subprocess.run(
                    command + names, cwd=self.tree, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=output, timeout=None if log.endswith("/baseline") else BUILD_LIMIT_SECONDS, check=False,
                )
            except subprocess.TimeoutExpired:
                return None
        if built.returncode:
            return None
        binaries = {}
        for line in built.stdout.decode().splitlines():
            message = json.loads(line) if line.startswith("{") else {}
            if message.get("reason") == "compiler-artifact" and message.get("executable") and message["profile"]["test"]:
                is_unit_tests = "lib" in message["target"]["kind"]
                binaries["lib" if is_unit_tests else message["target"]["name"]] = message["executable"]
        return binaries

    def build_program(self, log):
        """Builds the program. Returns whether it compiles."""
        if os.path.exists(self.so):
            os.remove(self.so)
        return run(["toolchain/build-program.sh", "--locked"], BUILD_LIMIT_SECONDS, log, self.tree, self.env) == 0

    def test(self, name, binary, log, only=None):
        """Runs a test binary. Returns CAUGHT or TIMEOUT if it fails, otherwise None."""
        # libtest's --fail-fast is unstable; with this variable the stable compiler's accepts it.
        command = [binary, "-Zunstable-options", "--fail-fast"] + ([only] if only else [])
        env = self.env | {"RUSTC_BOOTSTRAP": "1"}
        limit = self.limits.get(name, 3600)
        code = run(command, limit, log, f"{self.tree}/{PACKAGE}", env)
        return {0: None, None: TIMEOUT}.get(code, CAUGHT)

    def baseline(self, native, program):
        """Checks that the tests pass without a mutant, and measures how long they take."""
        log = f"{self.logs}/baseline"
        if native or program:
            say("building the tests of the unchanged program")
        if program:
            binaries = self.build_tests(PROGRAM_TESTS, log)
            if binaries is None:
                raise MutantsError(f"the tests don't compile, see {log}")
            # Copies, which no later build replaces.
            for name, binary in binaries.items():
                self.binaries[name] = shutil.copy(binary, f"{self.target}/{name}-unchanged")
            if not self.build_program(log):
                raise MutantsError(f"the program doesn't compile, see {log}")
            self.program_hash = file_hash(self.so)
        binaries = self.binaries
        if native:
            built = self.build_tests(("lib", *NATIVE_TESTS), log)
            if built is None:
                raise MutantsError(f"the tests don't compile, see {log}")
            binaries = built | binaries
        for name, binary in binaries.items():
            started = time.monotonic()
            if self.test(name, binary, log):
                raise MutantsError(f"the tests '{name}' fail without a mutant, see {log}")
            seconds = time.monotonic() - started
            self.limits[name] = max(TEST_LIMIT_MIN_SECONDS, TEST_LIMIT_FACTOR * seconds)
            say(f"tests '{name}' pass in {seconds:.1f} s")

    def examine(self, mutant, log):
        """Tests a mutant. Returns its outcome and the tests that noticed it."""
        path = f"{self.tree}/{PACKAGE}/src/{mutant.file}"
        original = read(path)
        write(path, original[: mutant.start] + mutant.replacement + original[mutant.end :])
        try:
            if mutant.is_native:
                # The tests that are about the file first: most mutants need no others.
                first = "fast_path_input" if matches(mutant.file, ("fast_path/*",)) else "lib"
                for name in (first, *(name for name in ("lib", *NATIVE_TESTS) if name != first)):
                    binaries = self.build_tests((name,), log)
                    if binaries is None:
                        return UNVIABLE, ""
                    if outcome := self.test(name, binaries[name], log):
                        return outcome, name
            if not self.program_hash:
                return MISSED, ""
            if not self.build_program(log):
                return UNVIABLE, ""
            if file_hash(self.so) == self.program_hash:
                return (MISSED if mutant.is_native else SAME), ""
            # The instruction's own tests first.
            own = os.path.basename(mutant.file).removesuffix(".rs")
            for name, only in (("program", f"{own}::"), ("program", None), ("property", None)):
                if outcome := self.test(name, self.binaries[name], log, only):
                    return outcome, name
            return MISSED, ""
        finally:
            write(path, original)


def file_hash(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def say(text):
    print(f"mutants: {text}", flush=True)


# ---- explanations -----------------------------------------------------------------------------------------------------
def read_explanations():
    """The explained mutants: (file, what, line of code or None) and why."""
    path = f"{ROOT}/{EXPLANATIONS}"
    if not os.path.exists(path):
        return {}
    try:
        import tomllib
    except ImportError as error:
        raise MutantsError("Python 3.11 or newer is needed") from error
    try:
        with open(path, "rb") as file:
            entries = tomllib.load(file).get("explained", [])
        explanations = {}
        for entry in entries:
            if not set(entry) <= {"file", "mutant", "code", "why"} or not entry["why"].strip():
                raise MutantsError(f"{EXPLANATIONS}: an entry has file, mutant, why and, to select one of several, code: {entry}")
            explanations[(entry["file"].removeprefix("src/"), entry["mutant"], entry.get("code"))] = entry["why"]
        return explanations
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise MutantsError(f"{EXPLANATIONS}: {error}") from error


def explanation_of(mutant, explanations):
    for code in (mutant.code, None):
        if (mutant.file, mutant.what, code) in explanations:
            return (mutant.file, mutant.what, code)
    return None


# ---- report -----------------------------------------------------------------------------------------------------------
def print_table(mutants):
    rows = collections.defaultdict(collections.Counter)
    for mutant in mutants:
        folder = os.path.dirname(mutant.file) or mutant.file
        rows[folder][mutant.outcome] += 1
        rows["all"][mutant.outcome] += 1
    width = max(len(name) for name in rows)
    print(f"\n{'src/':{width}}  {'mutants':>9}" + "".join(f"  {outcome:>9}" for outcome in OUTCOMES))
    for name, row in rows.items():
        if name != "all":
            print(f"{name:{width}}  {row.total():>9}" + "".join(f"  {row[outcome]:>9}" for outcome in OUTCOMES))
    row = rows["all"]
    print(f"{'all':{width}}  {row.total():>9}" + "".join(f"  {row[outcome]:>9}" for outcome in OUTCOMES))


def shard(text):
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError("must be K/N with K from 1 to N")
    return int(found[1]), int(found[2])


def parse_arguments():
    parser = argparse.ArgumentParser(description="Mutation testing of the program.")
    parser.add_argument("--shard", type=shard, metavar="K/N", help="test every Nth mutant, starting with the Kth")
    parser.add_argument("--diff", metavar="REF", help="test only mutants of lines changed since the merge base with REF")
    parser.add_argument("--file", action="append", default=[], metavar="GLOB", help="test only these files, such as 'rules/*'")
    parser.add_argument("--match", metavar="REGEX", help="test only mutants whose name matches")
    parser.add_argument("--missed", action="store_true", help="test only the mutants that the last run missed")
    parser.add_argument("--resume", action="store_true", help="keep the results of the last run; test what it did not test or missed")
    parser.add_argument("--native", action="store_true", help="run only the native tests, which is faster")
    parser.add_argument("--list", action="store_true", help="list the mutants and exit")
    return parser.parse_args()


def main():
    options = parse_arguments()
    explanations = read_explanations()
    target = os.path.abspath(os.path.join(ROOT, os.environ.get("CARGO_TARGET_DIR") or "target")) + "/mutants"
    os.makedirs(target, exist_ok=True)
    lock = open(f"{target}/lock", "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise MutantsError(f"another run uses {target}") from error
    runner = Runner(target)
    runner.copy_tree()
    mutants = find_mutants(runner.tree, options)
    known = {mutant.key for mutant in mutants} | {(m.file, m.what, None) for m in mutants}
    results = f"{target}/results.json"
    if options.missed:
        if not os.path.exists(results):
            raise MutantsError("there are no results of an earlier run")
        missed = {(item["file"], item["what"], item["code"]) for item in json.loads(read(results)) if item["outcome"] == MISSED}
        mutants = [mutant for mutant in mutants if mutant.key in missed]
    if options.list:
        for mutant in mutants:
            print(mutant.name)
        return 0
    tested = earlier_results(results) if options.resume else {}
    inputs, inputs_file = hash_of_inputs(runner.tree), f"{target}/inputs"
    if options.resume and (not os.path.exists(inputs_file) or read(inputs_file) != inputs):
        say(f"note: {PACKAGE} has changed since these results: what was caught then might not be now")
    write(inputs_file, inputs)
    for mutant in mutants:
        mutant.outcome, mutant.by, mutant.seconds = tested.get(mutant.identity, ("", "", 0.0))
        if mutant.outcome in (MISSED, EXPLAINED):
            mutant.outcome = EXPLAINED if explanation_of(mutant, explanations) else ""
    untested = [mutant for mutant in mutants if not mutant.outcome]
    mutants = [mutant for mutant in mutants if mutant.outcome] + untested
    if not mutants:
        say("there are no mutants to test")
        return 0
    say(f"{len(mutants)} mutants" + (f", {len(untested)} of them not tested yet" if options.resume else ""))
    if untested:
        runner.baseline(native=any(mutant.is_native for mutant in untested), program=not options.native)

    started = time.monotonic()
    for number, mutant in enumerate(mutants, 1):
        if number <= len(mutants) - len(untested):
            continue
        begun = time.monotonic()
        log = f"{runner.logs}/{number:04}"
        write(log, f"{mutant.name}\n{mutant.code}\n")
        mutant.outcome, mutant.by = runner.examine(mutant, log)
        mutant.seconds = round(time.monotonic() - begun, 1)
        if mutant.outcome == MISSED and explanation_of(mutant, explanations):
            mutant.outcome = EXPLAINED
        by = f" by {mutant.by}" if mutant.by else ""
        say(f"{number}/{len(mutants)} {mutant.outcome}{by}, {mutant.seconds} s: {mutant.name}")
        done = mutants[:number]
        write(results, json.dumps([{**vars(item), "log": f"log/{i:04}"} for i, item in enumerate(done, 1)], indent=1))

    print_table(mutants)
    seconds = time.monotonic() - started
    say(f"{seconds:.0f} s, {seconds / max(len(untested), 1):.1f} s per mutant; details: {results}")
    status = 0
    for mutant in mutants:
        if mutant.outcome == MISSED:
            print(f"MISSED {mutant.name}\n       {mutant.code}")
            status = 2
    for mutant in mutants:
        explanation = explanation_of(mutant, explanations)
        if mutant.outcome in (CAUGHT, TIMEOUT) and explanation and explanation[2]:
            say(f"note: explained in {EXPLANATIONS}, but caught: {mutant.name}")
    if not (options.shard or options.diff or options.file or options.match or options.missed or options.native):
        for file, what, _ in (key for key in explanations if key not in known):
            say(f"error: {EXPLANATIONS} explains a mutant that does not exist: src/{file}: {what}")
            status = 2
    if status:
        say(f"add a test for each missed mutant, or explain in {EXPLANATIONS} why none can or should notice it")
    return status


if __name__ == "__main__":
    # An exception, so that a running build or test is stopped as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except MutantsError as error:
        print(f"mutants: error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
