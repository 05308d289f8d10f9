// The lines that clients and servers write and read; `src/lines.rs` is the same for Rust.
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

export function say(ev, n, more = {}) {
  writeSync(1, `${JSON.stringify({ t: Date.now(), ev, ...(n === undefined ? {} : { n }), ...more })}\n`);
}

export function body(n, size) {
  return `n=${n};`.padEnd(size, 'x');
}

export function number(text) {
  return Number(/n=(\d+);/.exec(String(text))?.[1] ?? -1);
}

// ADDRESS EVERY SIZE COUNT VARIANT
export function work(args) {
  const [address, every, size, count, variant] = args;
  return { address, every: Number(every), size: Number(size), count: Number(count), variant };
}

// Calls one of these functions for each word on standard input, and ends with it.
export function commands(functions) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => functions[line.trim()]?.());
  lines.on('close', () => process.exit(0));
}

// Sends numbered messages: one every so often, or all at once where `every` is 0.
export function sender({ every, size, count }, send) {
  let timer;
  let n = 0;
  // Says whether to go on at once.
  const one = () => {
    if (count > 0 && n >= count) clearInterval(timer);
    else if (send(n + 1, body(n + 1, size))) return (n += 1) && every === 0;
    return false;
  };
  const burst = () => {
    while (one());
  };
  return {
    go() {
      timer = setInterval(burst, Math.max(every, 20));
    },
    stop: () => clearInterval(timer),
  };
}
