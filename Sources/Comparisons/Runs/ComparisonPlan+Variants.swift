import CardiacMR
import FederatedLearning
import Federation
import Files
import Foundation

/// What is compared: methods, their ablations, and methods with larger networks.
extension ComparisonPlan {
    /// A method with some settings.
    struct Variant {
        /// Its name in the tables.
        let name: String
        /// Its settings, but for seed and splits.
        let configuration: Configuration
        /// Whether its width is to be that of a network as large as the reference's.
        var isMatched = false
    }

    /// The variants that are asked for.
    static func variants(
        _ request: Request, _ cohorts: [Cohort], _ warn: (String) -> Void
    ) throws(FederationError) -> [Variant] {
        var variants: [Variant] = []
        for (name, isChosen) in expanded(request.methods) where !variants.contains(where: { $0.name == name }) {
            if let base = matched(name) {
                variants.append(Variant(name: name, configuration: try resolve(base, [], request), isMatched: true))
                continue
            }
            let method = try method(name)
            let configuration = try resolve(name, [], request)
            do { _ = try configuration.methods(of: Participant.all(cohorts, of: method)) } catch {
                guard !isChosen else { throw error }
                warn("\(name) is left out: \(error.subject): \(error.reason); \(error.remedy)")
                continue
            }
            variants.append(Variant(name: name, configuration: configuration))
            if let tuned = request.tuned, !FileManager.default.fileExists(atPath: "\(tuned)/\(name).yaml") {
                warn("\(name) has the settings that it is given: \(tuned) has no \(name).yaml")
            }
            guard request.hasAblations else { continue }
            for ablation in method.type.about.ablations {
                variants.append(
                    Variant(
                        name: "\(name)-\(ablation.name)",
                        configuration: try resolve(name, ablation.settings, request)))
            }
        }
        return variants
    }

    /// Names with `all` in full, and whether each was chosen by its own name.
    static func expanded(_ names: [String]) -> [(name: String, isChosen: Bool)] {
        names.flatMap { name in
            name == "all" ? Configuration.Method.allCases.map { ($0.rawValue, false) } : [(name, true)]
        }
    }

    /// A method by its name.
    static func method(_ name: String) throws(FederationError) -> Configuration.Method {
        if let method = Configuration.Method(rawValue: name) { return method }
        let names = Configuration.Method.allCases.map(\.rawValue)
        let nearest = EditDistance.nearest(to: name, among: names).map { " (the nearest is \($0))" } ?? ""
        throw FederationError.usage(
            "compare", name, "there is no such method\(nearest)", "choose among \(names.joined(separator: ", "))")
    }

    /// The method that `NAME-matched` is; nil for other names.
    private static func matched(_ name: String) -> String? {
        guard name.hasSuffix("-matched") else { return nil }
        return Configuration.Method(rawValue: String(name.dropLast("-matched".count))).map(\.rawValue)
    }

    // MARK: Settings

    /// The settings of a method: those of all, then what it was tuned to, then what it is asked for here.
    private static func resolve(
        _ method: String, _ settings: [String], _ request: Request
    ) throws(FederationError) -> Configuration {
        var files = [request.file].compactMap { $0 }
        if let tuned = request.tuned, FileManager.default.fileExists(atPath: "\(tuned)/\(method).yaml") {
            files.append("\(tuned)/\(method).yaml")
        }
        var configuration = try Configuration.resolve(
            preset: request.preset, files: files, settings: request.settings + ["method=\(method)"] + settings,
            data: request.data, leavesOutOtherMethods: true)
        configuration.makePathsAbsolute()
        return configuration
    }

    /// The settings that do not hang on a method: data and how it is prepared.
    static func base(_ request: Request) throws(FederationError) -> Configuration {
        if let tuned = request.tuned, !FileManager.default.fileExists(atPath: tuned) {
            throw FederationError.usage(
                "take tuned settings from", tuned, "there is no such folder", "give the --out of `fedcrld tune`")
        }
        let base = try resolve(Configuration.Method.standard.rawValue, [], request)
        guard base.data != nil else {
            throw FederationError.usage("compare", "without data", "no cohorts are named", "give --data")
        }
        guard base.cohorts == Configuration.CohortChoice() else {
            throw FederationError.usage(
                "compare with", "cohorts.leave_out, cohorts.folds or cohorts.fold",
                "the comparison sets them for each training", "use --leave-out and --folds")
        }
        return base
    }

    /// Refuses settings that the trainings of a comparison differ in.
    static func refuse(settings: [String]) throws(FederationError) {
        let own = [
            "seed": "--seeds", "method": "--methods", "cohorts.leave_out": "--leave-out", "cohorts.folds": "--folds",
        ]
        for setting in settings {
            guard let option = own[PlannedRun.key(of: setting)] else { continue }
            throw FederationError.usage(
                "compare with", "--set \(setting)", "the comparison sets it for each training", "use \(option)")
        }
    }

    // MARK: Centers and widths

    /// The width, a multiple of 4, at which a network has the number of parameters that is nearest to another's.
    static func width(
        matching other: Configuration, of configuration: Configuration, _ cohorts: [Cohort]
    ) throws(FederationError) -> Int {
        func parameters(_ configuration: Configuration) throws(FederationError) -> Int {
            let participants = Participant.all(cohorts, of: configuration.method)
            return try configuration.methods(of: participants).values.map(\.networkParameters).max() ?? 0
        }
        let wanted = try parameters(other)
        var best = (width: 4, distance: Int.max)
        for width in stride(from: 4, through: min(1024, 4 * other.width), by: 4) {
            var changed = configuration
            changed.width = width
            let distance = abs(try parameters(changed) - wanted)
            if distance < best.distance { best = (width, distance) }
        }
        return best.width
    }

    /// The centers that are left out in turn.
    static func leftOut(_ wanted: String?, among cohorts: [Cohort]) throws(FederationError) -> [String] {
        guard let wanted else { return [] }
        let known = cohorts.map(\.center)
        // A name may have a comma.
        if known.contains(wanted) { return [wanted] }
        if wanted == "each" { return known }
        let names = wanted.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        for (place, name) in names.enumerated() {
            guard known.contains(name), !names[..<place].contains(name) else {
                throw FederationError.usage(
                    "leave out", "center \"\(name)\"",
                    known.contains(name) ? "it is named twice" : "the data has no such center",
                    "choose among \(known.joined(separator: ", ")), or say each")
            }
        }
        return names
    }

    /// The center that is shown by itself.
    static func distant(_ wanted: String?, among cohorts: [Cohort]) throws(FederationError) -> String? {
        if let wanted {
            guard cohorts.contains(where: { $0.center == wanted }) else {
                throw FederationError.usage(
                    "show", "center \(wanted)", "the data has no such center",
                    "choose among \(cohorts.map(\.center).joined(separator: ", "))")
            }
            return wanted
        }
        guard cohorts.count > 2 else { return nil }
        let alone = cohorts.filter { one in !cohorts.contains { $0.center != one.center && $0.classes == one.classes } }
        return alone.count == 1 ? alone[0].center : nil
    }
}
