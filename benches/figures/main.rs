fn main() {
    let _ = simulator::aws::Settings::default();
}
