//! Clients of WebSockets under bad networks, side by side; see README.md.

mod client;
mod interrupt;
mod network;
mod options;
mod program;
mod run;
mod scenario;
mod table;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use client::{CLIENTS, Client};
use options::{HELP, Options, Request};
use run::Figures;
use scenario::{SCENARIOS, Scenario};
use table::Row;

/// One run to be done, by its place in the options.
#[derive(Clone, Copy)]
struct Job {
    scenario: usize,
    client: usize,
    run: usize,
}

struct Outcome {
    job: Job,
    figures: Result<Figures, String>,
}

fn main() -> ExitCode {
    match options::read().and_then(carry_out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(request: Request) -> Result<(), String> {
    let mut options = match request {
        Request::Help => return print(HELP),
        Request::List => return list(),
        Request::Run(options) => options,
    };
    interrupt::listen();
    network::sweep();
    if let Err(why) = network::check() {
        return print(&format!("All rows are left out: {why}.\n"));
    }
    client::build()?;
    if let Err(why) = client::install() {
        let (left, stays): (Vec<&Client>, Vec<_>) = options.clients.iter().partition(|client| client.needs_node());
        let names: Vec<_> = left.iter().map(|client| client.name).collect();
        if !names.is_empty() {
            print(&format!("Left out: {}: {why}.\n\n", names.join(", ")))?;
        }
        options.clients = stays;
    }
    // The build and npm get the signal as well, and say so by failing; otherwise this is their end.
    if interrupt::asked() { Err("interrupted".to_owned()) } else { run_all(&options) }
}

fn list() -> Result<(), String> {
    print("scenarios:\n")?;
    SCENARIOS.iter().try_for_each(|one| print(&format!("  {:<16} {}\n", one.name, one.about)))?;
    print("clients:\n")?;
    let note = |client: &Client| if client.usual { "" } else { " (only by --clients)" };
    CLIENTS.iter().try_for_each(|one| print(&format!("  {}{}\n", one.name, note(one))))
}

/// Runs that are to be done of a scenario.
fn runs(options: &Options, scenario: &Scenario) -> usize {
    if scenario.chance { options.runs } else { options.runs.min(3) }
}

fn run_all(options: &Options) -> Result<(), String> {
    let mut jobs = VecDeque::new();
    for (scenario, of) in options.scenarios.iter().enumerate() {
        for run in 0..runs(options, of) {
            jobs.extend((0..options.clients.len()).map(|client| Job { scenario, client, run }));
        }
    }
    let (total, begun) = (jobs.len(), Instant::now());
    let mut report = Report::new(options, total)?;
    let jobs = Mutex::new(jobs);
    let (done, outcomes) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        for lane in 0..options.parallel.min(total) {
            let (jobs, done) = (&jobs, done.clone());
            scope.spawn(move || {
                // Not all at once: starting is what costs most.
                thread::sleep(Duration::from_millis(100) * u32::try_from(lane).unwrap_or(0));
                while let Some(job) = next(jobs) {
                    let (scenario, client) = (options.scenarios[job.scenario], options.clients[job.client]);
                    let figures = run::once(scenario, client, lane, phase(job.run, options.runs));
                    if done.send(Outcome { job, figures }).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        outcomes.into_iter().try_for_each(|outcome| report.take(outcome, begun))
    })?;
    report.finish()
}

fn next(jobs: &Mutex<VecDeque<Job>>) -> Option<Job> {
    if interrupt::asked() { None } else { jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front() }
}

/// When the fault of a run comes, from 0 to 1: spread evenly, and alike for all clients.
#[expect(clippy::cast_precision_loss, reason = "a few runs")]
fn phase(run: usize, runs: usize) -> f64 {
    (run as f64 + 0.5) / runs as f64 % 1.0
}

/// Collects the outcomes and prints each table when it is complete.
struct Report<'a> {
    options: &'a Options,
    rows: Vec<Vec<Row>>,
    records: Option<File>,
    done: usize,
    total: usize,
    told: Instant,
    /// Tables printed so far.
    printed: usize,
}

impl<'a> Report<'a> {
    fn new(options: &'a Options, total: usize) -> Result<Self, String> {
        let row = |client: &&'static Client| Row { client, runs: Vec::new(), failed: 0, why: None };
        let rows = options.scenarios.iter().map(|_| options.clients.iter().map(row).collect()).collect();
        let file = |path| File::create(path).map_err(|error| format!("--records: {error}"));
        let records = options.records.as_ref().map(file).transpose()?;
        print("Each cell is p50 / p95 of the runs.\n\n")?;
        Ok(Self { options, rows, records, done: 0, total, told: Instant::now(), printed: 0 })
    }

    fn take(&mut self, Outcome { job, figures }: Outcome, begun: Instant) -> Result<(), String> {
        if interrupt::asked() {
            return Ok(());
        }
        self.record(job, &figures)?;
        let row = &mut self.rows[job.scenario][job.client];
        match figures {
            Ok(figures) => row.runs.push(figures),
            Err(why) => {
                row.failed += 1;
                row.why.get_or_insert(why);
            }
        }
        self.done += 1;
        if self.told.elapsed() > Duration::from_secs(30) {
            self.told = Instant::now();
            let passed = begun.elapsed().as_secs();
            let _ = writeln!(io::stderr(), "{} of {} runs after {passed} s", self.done, self.total);
        }
        while self.printed < self.rows.len() && self.is_complete(self.printed) {
            self.print_next()?;
        }
        Ok(())
    }

    fn is_complete(&self, scenario: usize) -> bool {
        let runs = runs(self.options, self.options.scenarios[scenario]);
        self.rows[scenario].iter().all(|row| row.runs.len() + row.failed == runs)
    }

    fn print_next(&mut self) -> Result<(), String> {
        let scenario = self.options.scenarios[self.printed];
        print(&format!("{}\n", table::table(scenario, &self.rows[self.printed])))?;
        self.printed += 1;
        Ok(())
    }

    /// After an interruption: the tables that have any figures, as far as they got.
    fn finish(mut self) -> Result<(), String> {
        if self.done < self.total {
            print(&format!("Interrupted after {} of {} runs; what follows is incomplete.\n\n", self.done, self.total))?;
        }
        while self.printed < self.rows.len() {
            if self.rows[self.printed].iter().any(|row| !row.runs.is_empty()) {
                self.print_next()?;
            } else {
                self.printed += 1;
            }
        }
        if interrupt::asked() { Err("interrupted".to_owned()) } else { Ok(()) }
    }

    fn record(&mut self, job: Job, figures: &Result<Figures, String>) -> Result<(), String> {
        let Some(file) = &mut self.records else { return Ok(()) };
        let (scenario, client) = (self.options.scenarios[job.scenario].name, self.options.clients[job.client].name);
        let record = match figures {
            Ok(of) => serde_json::json!({
                "scenario": scenario, "client": client, "run": job.run, "notice_s": of.notice, "back_s": of.back,
                "lost_up": of.lost_up, "lost_down": of.lost_down, "repeated": of.repeated, "refused": of.refused,
                "connects": of.connects, "cpu_s": of.cpu,
            }),
            Err(why) => serde_json::json!({ "scenario": scenario, "client": client, "run": job.run, "failed": why }),
        };
        writeln!(file, "{record}").map_err(|error| format!("--records: {error}"))
    }
}

fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
}
