//! How much memory the process takes, where the system tells.

/// The most that was resident during each quarter of the messages, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory(pub(crate) [u64; 4]);

impl Memory {
    /// Looks, with so much of the work done.
    pub(crate) fn look(&mut self, done: usize, of: usize) {
        let quarter = (4 * done / of.max(1)).min(3);
        self.0[quarter] = self.0[quarter].max(resident().unwrap_or_default());
    }

    /// Each quarter's, in MiB; nothing where the system does not tell.
    pub(crate) fn sentence(self) -> Option<String> {
        let mib = |kib: u64| format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024);
        (self.0[3] > 0).then(|| self.0.map(mib).join(", "))
    }
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().split(' ').next()?.parse().ok()
}
