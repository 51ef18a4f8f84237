import Foundation

/// What the process's standard error is connected to, and what it can show.
package enum Terminal {
    /// How progress is shown.
    package enum ProgressStyle: String, Sendable, CaseIterable {
        /// One line that is drawn again and again.
        case bar
        /// A line now and then.
        case lines
        case none
    }

    /// A bar on a terminal, lines elsewhere, unless `FEDCRLD_PROGRESS` says `bar`, `lines` or `none`.
    ///
    /// Under mpirun, standard error is always a pipe: whoever starts mpirun on a terminal sets the variable.
    package static func progressStyle(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        isTerminal: Bool = isatty(STDERR_FILENO) == 1
    ) -> ProgressStyle {
        if let style = environment["FEDCRLD_PROGRESS"].flatMap(ProgressStyle.init(rawValue:)) { return style }
        return isTerminal && environment["TERM"] != "dumb" ? .bar : .lines
    }

    /// Whether the locale's encoding is UTF-8.
    package static func isUnicode(environment: [String: String] = ProcessInfo.processInfo.environment) -> Bool {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"]
        let locale = names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        return ["utf-8", "utf8"].contains { locale.lowercased().contains($0) }
    }

    /// Columns of the terminal: its own answer, or else `COLUMNS`, or else 80.
    package static func width(environment: [String: String] = ProcessInfo.processInfo.environment) -> Int {
        var size = winsize()
        if ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        return environment["COLUMNS"].flatMap(Int.init).flatMap { $0 > 0 ? $0 : nil } ?? 80
    }
}
