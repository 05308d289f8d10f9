"""What is known of each mutant, kept from run to run for as long as the source stays the same."""
import json, os, threading
from collections import Counter, defaultdict


class Results:
    def __init__(self, out, digest):
        self.file, self.digest, self.lock, self.known = os.path.join(out, "results.json"), digest, threading.Lock(), {}
        if os.path.exists(self.file):
            stored = json.load(open(self.file))
            if stored["digest"] == digest:
                self.known = {result["name"]: result for result in stored["results"]}

    def note(self, mutant, outcome, by):
        with self.lock:
            self.known[mutant["name"]] = dict(name=mutant["name"], file=mutant["file"], outcome=outcome, by=by)

    def save(self):
        with self.lock:
            results = sorted(self.known.values(), key=lambda result: result["name"])
            with open(self.file + ".new", "w") as f:
                json.dump({"digest": self.digest, "results": results}, f, indent=1)
            os.replace(self.file + ".new", self.file)

    def of(self, mutant):
        return self.known.get(mutant["name"], {}).get("outcome", "open")

    def is_open(self, mutant, again):
        return self.of(mutant) == "open" or again and self.of(mutant) == "missed"

    def table(self, mutants, left_out):
        """Prints the counts by file, and by the layer that caught; gives the share that is caught, in percent."""
        rows, layers = defaultdict(Counter), Counter()
        for m in mutants:
            rows[m["file"]][self.of(m)] += 1
            rows["all"][self.of(m)] += 1
            if self.of(m) == "caught":
                layers[self.known[m["name"]]["by"].split("::")[0]] += 1
        print("| file | listed | do not compile | judged | caught | timed out | not caught |\n|---|---|---|---|---|---|---|")
        for file, count in sorted(rows.items(), key=lambda row: (row[0] == "all", row[0])):
            judged = count["caught"] + count["timeout"] + count["missed"]
            figures = [count.total(), count["unviable"], judged, count["caught"], count["timeout"], count["missed"]]
            print(f"| `{file}` | {' | '.join(map(str, figures))} |")
        print(f"caught by {dict(layers)}; {count['open']} not judged, and {left_out} beyond the limit")
        for m in mutants:
            if self.of(m) in ("missed", "open"):
                print(self.of(m).upper(), m["name"], self.known.get(m["name"], {}).get("by") or "")
        caught = judged - count["missed"]
        share = 100 * caught / judged if judged else 100
        print(f"{judged} judged, {caught} caught ({share:.1f} %)")
        return share
