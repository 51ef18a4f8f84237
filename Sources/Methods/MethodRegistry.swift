import FedCRLD
import FederatedLearning

/// All methods. A new one is a file and a line here.
package enum MethodRegistry {
    /// In the order of documentation.
    package static let all: [any FederatedMethod.Type] = [
        FedCRLDMethod.self, Local.self, Centralized.self, FedAvg.self, FedProx.self, FedBN.self, FedPer.self,
        FedRep.self, Ditto.self, MRMTL.self, APFL.self, Moon.self, Scaffold.self, FedAdam.self, FedYogi.self,
        PRRFL.self,
    ]

    /// All methods as a Markdown table, for the documentation.
    package static var markdownTable: String {
        let rows = all.map { method in
            let about = method.about
            let formula = about.formula.isEmpty ? "" : "`\(about.formula)`"
            let settings = about.settings.map { "`\($0.name)`" }.joined(separator: ", ")
            return "| `\(about.name)` | \(about.summary) | \(formula) | \(settings) | \(about.reference) |"
        }
        return (["| method | does | formula | settings | reference |", "| --- | --- | --- | --- | --- |"] + rows)
            .joined(separator: "\n") + "\n"
    }

    /// The method of a name; nil where there is none.
    package static func method(named name: String) -> (any FederatedMethod.Type)? {
        all.first { $0.about.name == name }
    }
}
