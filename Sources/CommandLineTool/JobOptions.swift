import ArgumentParser

/// When a job that trains ends of its own accord.
struct JobOptions: ParsableArguments {
    @Option(
        name: .customLong("max-hours"),
        help: .init("End in good order, with status 75, before so many hours are over.", valueName: "hours"))
    var maxHours: Double?
    @Option(
        help: .init(
            "Minutes without a sign of life from a rank, which shows one at every step, until the job is ended with a message that names it; 0: never.",
            valueName: "minutes"))
    var patience = 30.0

    func validate() throws {
        if let maxHours, !(maxHours > 0 && maxHours.isFinite) {
            throw ValidationError("--max-hours \(maxHours) is not a positive number of hours")
        }
        guard patience >= 0, patience.isFinite else {
            throw ValidationError("--patience \(patience) is not a number of minutes")
        }
    }

    /// The patience in seconds; nil: for ever.
    var patienceSeconds: Double? { patience > 0 ? 60 * patience : nil }

    /// The exit status of a job that ended in good order before it was done: EX_TEMPFAIL, "try again later".
    static let stoppedStatus: Int32 = 75
}
