import FedCRLD
import FederatedLearning

/// All methods. A new one is a file and a line here.
package enum MethodRegistry {
    /// In the order of documentation.
    package static let all: [any FederatedMethod.Type] = [
        FedCRLDMethod.self, Local.self, FedAvg.self, FedProx.self, FedBN.self, FedPer.self, Ditto.self, Scaffold.self,
        FedAdam.self,
    ]

    /// The method of a name; nil where there is none.
    package static func method(named name: String) -> (any FederatedMethod.Type)? {
        all.first { $0.about.name == name }
    }
}
