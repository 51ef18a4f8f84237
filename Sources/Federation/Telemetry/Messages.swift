import CardiacMR
import Files
import Synchronization

/// What the program says on standard error beside its progress: why it fails, and what is odd but no reason to.
package enum Messages {
    private static let pseudonyms = Mutex<Pseudonyms?>(nil)

    /// From now on messages name the cases of these cohorts by their numbers, not by subjects and paths.
    package static func conceal(_ cohorts: [Cohort]) {
        let names = Pseudonyms(cohorts)
        pseudonyms.withLock { $0 = names }
    }

    /// Says why the program fails.
    package static func error(_ message: String) { write(message) }

    /// Says what is odd but no reason to end.
    package static func warn(_ message: String) { write("warning: \(message)") }

    /// Says how a longer work goes on.
    package static func note(_ message: String) { write(message) }

    private static func write(_ message: String) {
        let text = pseudonyms.withLock { $0 }.map { $0.applied(to: message) } ?? message
        StandardError.write("fedcrld: \(text)\n")
    }
}

/// Names for cases that tell nothing: their numbers in their center's `cohort.json`, from 0.
struct Pseudonyms: Sendable {
    /// Texts and what stands in their place, the longest first: a path holds its subject's name.
    private let replacements: [(text: String, pseudonym: String)]

    init(_ cohorts: [Cohort]) {
        var replacements: [String: String] = [:]
        for cohort in cohorts {
            for (index, item) in cohort.cases.enumerated() {
                for (file, kind) in [(item.image, "image"), (item.label, "label")] {
                    for path in [cohort.path(of: file), file] {
                        replacements[path] = "the \(kind) of case \(index) of center \(cohort.center)"
                    }
                }
                replacements[item.name] = "case \(index)"
                replacements[item.subject] = replacements[item.subject] ?? "of case \(index)"
            }
        }
        self.replacements = replacements.map { ($0.key, $0.value) }.filter { !$0.text.isEmpty }
            .sorted { ($1.text.count, $0.text) < ($0.text.count, $1.text) }
    }

    /// A message in which no case is named.
    func applied(to message: String) -> String {
        var parts: [(text: Substring, isDone: Bool)] = [(message[...], false)]
        for (text, pseudonym) in replacements {
            parts = parts.flatMap { part -> [(text: Substring, isDone: Bool)] in
                part.isDone ? [part] : Self.split(part.text, at: text, putting: pseudonym[...])
            }
        }
        return parts.map { String($0.text) }.joined()
    }

    /// A text in pieces, with another piece wherever a word stands by itself.
    private static func split(
        _ text: Substring, at word: String, putting other: Substring
    ) -> [(text: Substring, isDone: Bool)] {
        var pieces: [(text: Substring, isDone: Bool)] = []
        var rest = text
        var searched = text
        while let found = searched.firstRange(of: word) {
            let isWhole =
                !(rest[..<found.lowerBound].last.map(isPartOfName) ?? false)
                && !(rest[found.upperBound...].first.map(isPartOfName) ?? false)
            if isWhole {
                pieces.append((rest[..<found.lowerBound], false))
                pieces.append((other, true))
                rest = rest[found.upperBound...]
            }
            searched = text[found.upperBound...]
        }
        return pieces + [(rest, false)]
    }

    private static func isPartOfName(_ character: Character) -> Bool { character.isLetter || character.isNumber }
}
