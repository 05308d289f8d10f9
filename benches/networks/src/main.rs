use lines as _;
fn main() {}
